import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StepContext } from '../../../../src/activities/context.js';
import type { Store } from '../../../../src/activities/data/contract.js';
import { filesStore } from '../../../../src/activities/data/files/store.js';
import { definitionOf, stepContext } from '../../step-context.js';

/** A tree of uploads with much of what a filesystem can hold. */
export interface Tree {
  live: string;
  store: Store;
  context: StepContext;
  /** Folder for a backup. */
  folder: string;
  /** In the tree, by sh. */
  sh(script: string): void;
  /** Every name, kind, mode, owner, time and content below, as text. */
  shown(path?: string): string;
  /** Gives a file an ACL and an attribute, where the filesystem knows them. */
  mark(): void;
  /** Of every name below. */
  marks(): string;
  close(): void;
}

/** What somebody noted at a file, and who else may read it; `user::rw- user:1234:r-- group::r-- mask::r-- other::---` in the kernel's words. */
const setAttributes = `
import os, struct
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in [(1, 6, 2**32 - 1), (2, 4, 1234), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1)])
for name, value in [("user.note", b"caf\\xe9 \\xff"), ("system.posix_acl_access", acl)]:
    try: os.setxattr("a/1", name, value)
    except OSError: pass  # not every filesystem knows them
`;
const showAttributes = `
import os
for folder, folders, files in os.walk("."):
    for path in sorted(os.path.join(folder, name) for name in folders + files):
        print(path.encode(errors="surrogateescape"), [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(os.listxattr(path, follow_symlinks=False))])
`;

export function makeTree(at = tmpdir()): Tree {
  const home = mkdtempSync(join(at, 'slipway-files-'));
  const live = join(home, 'live', 'storage');
  const folder = join(home, 'backup');
  for (const path of [live, folder]) mkdirSync(path, { recursive: true });
  const sh = (script: string) => void execFileSync('sh', ['-ec', script], { cwd: live });
  sh(`mkdir -p a/b empty; printf one >a/1; printf two >'a/b/it is 2, "quoted"'; printf x >"$(printf 'bad\\377name')"
    chmod 0640 a/1; chmod 2750 a/b; ln -s ../outside a/link; ln a/1 a/same; touch -d @1700000000.25 a/1; mkfifo pipe; head -c 300000 /dev/zero >zeros`);
  if (process.getuid?.() === 0) sh('chown -h 1234:2345 a/b a/link; chown 1234 a/1');
  return {
    live,
    folder,
    sh,
    store: filesStore('storage/'),
    context: stepContext({
      definition: definitionOf(join(home, 'live'), { files: { keep: ['storage/'] } }),
      folder: join(home, 'run'),
      home,
    }),
    shown: (path = live) =>
      execFileSync(
        'sh',
        ['-ec', `find . -printf '%P %y %m %U %G %Ts %l\\n' | sort; find . -type f -exec sha256sum {} + | sort`],
        { cwd: path, encoding: 'latin1' },
      ),
    mark: () => void execFileSync('python3', ['-c', setAttributes], { cwd: live }),
    marks: () => execFileSync('python3', ['-c', showAttributes], { cwd: live, encoding: 'utf8' }),
    close: () => rmSync(home, { recursive: true }),
  };
}
