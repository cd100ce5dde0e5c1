import { fail, failureType, rootMessage } from '../../errors.js';
import type { Check } from '../../model.js';
import type { CheckContext } from './contract.js';
import { BROKEN_OFF } from './sql-client.js';
import type { Found } from './sql-query.js';

/** Runs one query that only reads on a SQLite database, beside whoever writes. Throws what SQLite says; Usage for options it does not have. */
export async function askSqlite(
  database: string,
  query: string,
  check: Check,
  context: CheckContext,
  withinMs: number,
): Promise<Found> {
  const odd = ['as', 'set', 'changes'].find((option) => check[option] !== undefined && check[option] !== false);
  if (odd) throw fail('Usage', `database ${database} is SQLite, where a sql check has no ${odd}`);
  const rows = await context.sqliteRows(database, query, withinMs, context.rehearsal?.url).catch((error: unknown) => {
    if (failureType(error) === 'Timeout') throw new Error(BROKEN_OFF);
    const [, said] = / ended with exit code \d+: (.*)$/.exec(rootMessage(error)) ?? [];
    throw said ? new Error(said) : error;
  });
  return { rows: rows.length, value: rows[0] && Object.values(rows[0])[0], interval: false };
}
