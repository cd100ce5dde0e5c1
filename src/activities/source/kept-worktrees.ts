import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../errors.js';
import type { StepContext } from '../context.js';
import { gitOutput, isCheckout } from './git-command.js';
import { markerOf } from './worktree.js';

/** Code that a run staged, and that lies there since. */
export interface KeptWorktree {
  path: string;
  run: string;
}

export async function keptWorktrees(context: StepContext): Promise<KeptWorktree[]> {
  const foldersOf = async (path: string) => {
    const entries = existsSync(path) ? await readdir(path, { withFileTypes: true }) : [];
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  };
  const runs = await foldersOf(join(context.home, 'runs'));
  const found = await Promise.all(
    runs.map(async (run) => {
      const code = join(context.home, 'runs', run, 'code');
      return (await foldersOf(code)).map((sha) => ({ path: join(code, sha), run }));
    }),
  );
  return found.flat().filter(({ path }) => isCheckout(path));
}

/** Why one that no run needs stays all the same: somebody worked in it. What Git ignores was made by `install`, and can be made again. */
export async function whyWorktreeStays(context: StepContext, path: string): Promise<string | null> {
  const argv = ['git', 'status', '--porcelain', '--untracked-files=normal'];
  const { exitCode, stdout = '' } = await context.look({ argv, cwd: path, ok: [0, 128] });
  if (exitCode !== 0) return 'Git does not know it any more: look at it, then remove it by hand';
  const changed = stdout.split('\n').filter(Boolean).length;
  return changed === 0 ? null : `${changed} of its files differ from its commit: look at it, then remove it by hand`;
}

/** Throws Dirty where somebody worked in it. */
export async function removeWorktree(context: StepContext, path: string): Promise<void> {
  const why = await whyWorktreeStays(context, path);
  if (why !== null) throw fail('Dirty', `${path} stays: ${why}`);
  // By force because of submodules: that nothing in it is lost was seen.
  await gitOutput(context, ['worktree', 'remove', '--force', path]);
  await rm(markerOf(path), { force: true });
}
