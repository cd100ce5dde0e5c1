import pg from 'pg';
import type { Check } from '../../model.js';
import type { CheckContext } from './contract.js';
import { openClient } from './sql-client.js';
import { firstValue, readValue } from './sql-value.js';
import { fillText } from './values.js';

export interface Found {
  rows: number;
  /** First column of the first row, as JSON has it. */
  value: unknown;
  /** `value` is milliseconds. */
  interval: boolean;
}

/** Runs one query in its own transaction: read-only, unless the check says `changes`. Rejects with the error of the server or the socket. */
export async function ask(
  url: string,
  query: string,
  check: Check,
  context: CheckContext,
  withinMs: number,
): Promise<Found> {
  const { client, close } = await openClient(url, withinMs, context.signal);
  try {
    await client.query(check.changes ? 'BEGIN' : 'BEGIN READ ONLY');
    const settings = {
      statement_timeout: `${Math.ceil(withinMs)}`,
      ...(check.set as Record<string, string> | undefined),
    };
    for (const [name, value] of Object.entries(settings)) {
      await client.query('SELECT set_config($1, $2, true)', [name, fillText(String(value), context)]);
    }
    const role = typeof check.as === 'string' ? client.escapeIdentifier(fillText(check.as, context)) : undefined;
    if (role) await client.query(`SET LOCAL ROLE ${role}`);
    const found = await count(client, query);
    await client.query(check.changes ? 'COMMIT' : 'ROLLBACK');
    return found;
  } finally {
    await close();
  }
}

/** The extended protocol takes exactly one statement: `…; COMMIT; DELETE …` is refused by the server. */
function count(client: pg.Client, text: string): Promise<Found> {
  return new Promise((resolve, reject) => {
    const found: Found = { rows: 0, value: undefined, interval: false };
    const query = client.query(
      new pg.Query({
        text,
        queryMode: 'extended',
        rowMode: 'array',
        types: { getTypeParser: () => readValue },
      } as never),
    );
    query.on('row', (row: unknown, result) => {
      found.rows += 1;
      if (found.rows === 1) Object.assign(found, firstValue((row as string[])[0], result?.fields[0]?.dataTypeID ?? 0));
    });
    query.on('error', reject);
    query.on('end', () => resolve(found));
  });
}
