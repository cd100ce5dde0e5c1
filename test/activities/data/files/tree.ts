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
  close(): void;
}

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
    close: () => rmSync(home, { recursive: true }),
  };
}
