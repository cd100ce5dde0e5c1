import type { StepContext } from '../context.js';
import { gitEnvironment } from './git-command.js';

/** Writes files of a commit into a new folder, without a worktree: all of them, or those that match a pathspec. */
export async function exportFiles(context: StepContext, sha: string, folder: string, only?: string[]): Promise<void> {
  // What git-lfs holds elsewhere stays a pointer.
  const env = { ...gitEnvironment, GIT_INDEX_FILE: `${folder}.index`, GIT_LFS_SKIP_SMUDGE: '1' };
  const git = async (argv: string[], input?: string) =>
    (await context.look({ argv: ['git', ...argv], env, ...(input === undefined ? {} : { input }) })).stdout ?? '';
  await git(['read-tree', sha]);
  const out = ['checkout-index', '--quiet', `--prefix=${folder}/`];
  if (only) await git([...out, '-z', '--stdin'], await git(['ls-files', '-z', '--', ...only]));
  else await git([...out, '--all']);
}
