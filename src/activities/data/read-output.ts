import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dayMs } from '../../lib/day.js';
import { ownName, removeAbandoned } from '../../lib/own-name.js';
import type { StepContext } from '../context.js';

/** All that a command writes to standard output, by a file: thousands of tables do not fit into what is kept of a command's output. Throws CommandFailed. */
export async function readOutput(context: StepContext, argv: string[]): Promise<string> {
  const folder = join(context.folder, 'looked');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeAbandoned(folder);
  const outputFile = join(folder, ownName());
  try {
    await context.read({ argv, outputFile, deadlineMs: dayMs });
    return await readFile(outputFile, 'utf8');
  } finally {
    await rm(outputFile, { force: true });
  }
}
