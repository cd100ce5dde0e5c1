import { existsSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fail } from '../../errors.js';
import { quoted, shellLine } from '../../lib/shell-line.js';
import type { Argv, GitSource, Release, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import { checkOut } from './checkout.js';
import { checkSource } from './checkout-checks.js';
import type { Source } from './contract.js';
import { commitOf, gitRecords } from './git-command.js';
import { bringInstalls, keptInstall, noteLiveInstalls } from './installs.js';
import { readTexts } from './texts.js';
import { resolveVersion, runningVersion } from './version.js';
import { stageWorktree } from './worktree.js';

/**
 * Versions are tags and commits of the live checkout's repository. What must survive (the env file, databases, uploads, logs) lies in
 * that checkout, ignored: it is checked out and never cleaned, reset or cloned anew.
 */
export const git: Source = {
  resolve: resolveVersion,
  running: runningVersion,
  preflight: checkSource,
  fetch: stageWorktree,
  list: listFolder,
  texts: readTexts,
  switch: switchRelease,

  commands({ source }, { sha }) {
    const entries = source.git?.installs ?? [];
    return {
      fetch: [
        `git worktree add --detach code/${sha} ${sha}`,
        ...(source.git?.install ?? []).map((argv) => shellLine(argv)),
      ],
      switch: [
        `git checkout --no-overwrite-ignore --detach ${sha}`,
        ...entries.map((entry) => `mv code/${sha}/${quoted(entry)} ${quoted(entry)}`),
        ...installsInPlace(source.git).map((argv) => shellLine(argv)),
      ],
    };
  },

  byHand(context, { sha }) {
    const { directory, source } = context.definition;
    const checkout = `cd ${quoted(directory)} && git checkout --no-overwrite-ignore --detach ${sha}`;
    return [
      checkout,
      ...(source.git?.installs ?? []).map((entry) => bringByHand(context, entry, sha)),
      ...installsInPlace(source.git).map((argv) => shellLine(argv)),
    ];
  },
};

/** Names only, sorted as Git does; [] for a folder that the commit does not have. */
async function listFolder(context: StepContext, release: Release, folder: string): Promise<string[]> {
  const path = posix.normalize(folder).replace(/\/$/, '');
  const below = path === '.' ? [] : ['--', `${path}/`];
  const paths = await gitRecords(context, ['ls-tree', '-z', '--name-only', release.sha, ...below]);
  return paths.map((name) => posix.basename(name));
}

async function switchRelease(context: StepContext, release: Release): Promise<StepResult> {
  const { directory, source } = context.definition;
  const before = await commitOf(context, 'HEAD');
  if (!before) throw fail('Usage', `${directory} has no commit checked out: look with git -C ${directory} status`);
  await noteLiveInstalls(context, before);
  await checkOut(context, release.sha);
  await bringInstalls(context, release);
  await installAgain(context, release);
  const missing = (source.git?.installs ?? []).filter((entry) => !existsSync(join(directory, entry)));
  const note = `${directory} is at ${release.version} (${release.sha.slice(0, 12)})`;
  // A version that never had one comes back without it, as it was.
  return {
    note: missing.length > 0 ? `${note}, without ${missing.join(', ')} as before` : note,
    data: { sha: release.sha },
  };
}

/** Where nothing says what `install` makes, so that it could be moved, it is made in the live checkout: forwards and backwards. */
async function installAgain(context: StepContext, { sha }: Release): Promise<void> {
  const { git: options } = context.definition.source;
  for (const [index, argv] of installsInPlace(options).entries()) {
    context.progress(argv.join(' '));
    await context.change(`install-${index + 1}-${sha.slice(0, 12)}`, { argv, deadlineMs: 30 * 60_000 });
  }
}

function installsInPlace(options: GitSource = {}): Argv[] {
  return (options.installs ?? []).length > 0 ? [] : (options.install ?? []);
}

/** Brings back what `switch` kept of that commit, else what `fetch` staged; without either, what is live stays. */
function bringByHand(context: StepContext, entry: string, sha: string): string {
  const live = quoted(join(context.definition.directory, entry));
  const kept = quoted(keptInstall(context, entry, sha));
  const staged = quoted(join(context.staged({ version: '', sha }), entry));
  const aside = quoted(keptInstall(context, entry, 'by-hand'));
  const clear = `if test -e ${live}; then mkdir -p ${quoted(dirname(keptInstall(context, entry, sha)))}; mv ${live} ${aside}-$(date +%s); fi`;
  return `for from in ${kept} ${staged}; do if test -d "$from"; then ${clear}; mv "$from" ${live}; break; fi; done`;
}
