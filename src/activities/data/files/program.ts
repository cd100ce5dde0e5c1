import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StepContext } from '../../context.js';

const program = fileURLToPath(new URL('./tree.py', import.meta.url));
const dayMs = 86_400_000;

/** One line an entry of a tree, or of an archive of one: equal lines are equal trees. `quick` leaves contents out. Throws CommandFailed. */
export async function entriesOf(
  context: StepContext,
  of: 'walk' | 'quick' | 'listed',
  path: string,
): Promise<string[]> {
  const folder = join(context.folder, 'looked');
  const outputFile = join(folder, `${randomUUID()}.lines`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const args = of === 'quick' ? ['walk', path, 'quick'] : [of, path];
  try {
    await context.read({ argv: [await python(context), program, ...args], outputFile, deadlineMs: dayMs });
    return (await readFile(outputFile, 'utf8')).split('\n').filter((line) => line !== '');
  } finally {
    await rm(outputFile, { force: true });
  }
}

/** Each gets the other's name, in one moment. False where the filesystem cannot: then nothing was done. Throws CommandFailed. */
export async function exchange(context: StepContext, one: string, other: string): Promise<boolean> {
  const argv = [await python(context), program, 'exchange', one, other];
  return (await context.read({ argv, ok: [0, 3] })).exitCode === 0;
}

function python(context: StepContext): Promise<string> {
  return context.tools.find('python3');
}
