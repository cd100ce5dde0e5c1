import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../errors.js';
import { readText, writeAtomic } from '../../lib/files.js';
import type { Release, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import { commitOf, gitOutput } from './git-command.js';

/** @see Source.fetch: a worktree of its own, made complete by the `install` commands; a marker beside it says that it is. */
export async function stageWorktree(context: StepContext, release: Release): Promise<StepResult> {
  const staged = context.staged(release);
  const git = context.definition.source.git ?? {};
  if (await isComplete(context, release)) return { note: `${release.version} was staged already`, data: { staged } };
  await rm(markerOf(staged), { force: true });
  await rm(staged, { recursive: true, force: true });
  await gitOutput(context, ['worktree', 'prune']);
  await mkdir(dirname(staged), { recursive: true });
  // Twice `--force`: an `add` that was killed leaves its path locked.
  const add = ['worktree', 'add', '--quiet', '--force', '--force', '--detach', staged, release.sha];
  await gitOutput(context, add);
  for (const argv of git.install ?? []) {
    context.progress(argv.join(' '));
    await context.read({ argv, cwd: staged, deadlineMs: 30 * 60_000 });
  }
  const missing = (git.installs ?? []).filter((entry) => !existsSync(join(staged, entry)));
  if (missing.length > 0) {
    throw fail(
      'CommandFailed',
      `the install commands left no ${missing.join(', ')} in ${staged}: correct source.git.install or installs`,
    );
  }
  await writeAtomic(markerOf(staged), `${release.sha}\n`);
  return { note: `${release.version} (${release.sha.slice(0, 12)}) staged`, data: { staged } };
}

async function isComplete(context: StepContext, release: Release): Promise<boolean> {
  const staged = context.staged(release);
  if ((await readText(markerOf(staged)))?.trim() !== release.sha || !existsSync(join(staged, '.git'))) return false;
  return (await commitOf(context, 'HEAD', staged)) === release.sha;
}

export function markerOf(staged: string): string {
  return `${staged}.ready`;
}
