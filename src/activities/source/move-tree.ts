import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StepContext } from '../context.js';

/**
 * Moves a file or folder, to another file system too. At every moment each of the two names holds all or nothing; what a move that was
 * cut off left behind under a third name is cleared by the next.
 */
export async function moveTree(context: StepContext, from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const [partial, leftover] = [`${to}.partial`, `${from}.moved`];
  await rm(leftover, { recursive: true, force: true });
  try {
    if (!existsSync(to)) return await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
  }
  await rm(partial, { recursive: true, force: true });
  if (!existsSync(to)) {
    await context.read({
      argv: ['cp', '-a', '--reflink=auto', '--', from, partial],
      cwd: '/',
      deadlineMs: 30 * 60_000,
    });
    await rename(partial, to);
  }
  await rename(from, leftover);
  await rm(leftover, { recursive: true, force: true });
}
