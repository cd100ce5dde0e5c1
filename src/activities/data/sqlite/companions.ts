import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { fail, failureType } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import { refuseOpen } from '../beside/openers.js';
import { busy, runSqlite } from './program.js';

/** What SQLite keeps beside a file, and takes for a part of whatever stands under the file's name. */
export const suffixes = ['-wal', '-shm', '-journal'];

export function companionsOf(file: string): string[] {
  return suffixes.filter((suffix) => existsSync(file + suffix));
}

/**
 * With nothing writing: makes the file whole by itself, and sees that nobody has it open. False, with all as it was, where SQLite cannot, since the file
 * is damaged, or its log another one's: then it is whole only together with what lies beside it. Throws NotStopped.
 */
export async function settle(context: StepContext, file: string): Promise<boolean> {
  if (!existsSync(file)) return true;
  await refuseOpen([file, ...suffixes.map((suffix) => file + suffix)]);
  // SQLite removes the log of what it takes for no database.
  if (!isSqlite(file)) return false;
  try {
    const { exitCode } = await runSqlite(context, ['settle', file], { ok: [0, busy] });
    if (exitCode === busy) throw fail('NotStopped', `${file} is in use: stop what uses it, then try again`);
    return true;
  } catch (error) {
    if (failureType(error) !== 'CommandFailed') throw error;
    context.progress(`${file} cannot be settled: it is moved together with what lies beside it`);
    return false;
  }
}

function isSqlite(file: string): boolean {
  const start = Buffer.alloc(16);
  const descriptor = openSync(file, 'r');
  try {
    const read = readSync(descriptor, start, 0, 16, 0);
    return read === 0 ? !existsSync(`${file}-wal`) : start.toString('latin1') === 'SQLite format 3\0';
  } finally {
    closeSync(descriptor);
  }
}
