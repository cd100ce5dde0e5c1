import { fileURLToPath } from 'node:url';
import type { StepContext } from '../../context.js';
import { readOutput } from '../read-output.js';

const program = fileURLToPath(new URL('./tree.py', import.meta.url));

/** One line an entry of a tree, or of an archive of one: equal lines are equal trees. `quick` leaves contents out. Throws CommandFailed. */
export async function entriesOf(
  context: StepContext,
  of: 'walk' | 'quick' | 'listed',
  path: string,
): Promise<string[]> {
  const args = of === 'quick' ? ['walk', path, 'quick'] : [of, path];
  const lines = (await readOutput(context, [await python(context), program, ...args])).split('\n');
  return lines.filter((line) => line !== '');
}

/** Each gets the other's name, in one moment. False where the filesystem cannot: then nothing was done. Throws CommandFailed. */
export async function exchange(context: StepContext, one: string, other: string): Promise<boolean> {
  const argv = [await python(context), program, 'exchange', one, other];
  return (await context.read({ argv, ok: [0, 3] })).exitCode === 0;
}

function python(context: StepContext): Promise<string> {
  return context.tools.find('python3');
}
