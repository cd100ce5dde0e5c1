import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import { runSqlite } from './program.js';

export type SqliteRow = Record<string, string | number | null>;

/**
 * Rows of one statement over a SQLite file on the host, in its order, beside whoever writes. Integers beyond 2^53 come as text, blobs as hex
 * digits. Nothing is written, and a file that is missing is not made. Throws ToolMissing, CommandFailed.
 */
export async function readRows(context: StepContext, file: string, sql: string): Promise<SqliteRow[]> {
  const { stdout = '', truncated } = await runSqlite(context, ['rows', file], { input: sql });
  if (truncated) throw fail('CommandFailed', `${file}: the statement gives more rows than can be read at once: ${sql}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SqliteRow);
}
