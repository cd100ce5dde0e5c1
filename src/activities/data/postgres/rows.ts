import { query, withSession } from './connect.js';
import type { Link } from './link.js';

const most = 500;

/** As the role that sees every row, in a transaction that cannot write; names are looked up as the application's are. */
export async function firstRows(link: Link, sql: string): Promise<string[]> {
  return withSession(link.backup, link.run, async (session) => {
    await query(session, 'RESET search_path');
    await query(session, 'BEGIN READ ONLY');
    await query(session, `SET LOCAL statement_timeout = '30s'`);
    const one = sql.trim().replace(/;$/, '');
    // With a parameter the server takes one statement alone: no `; COMMIT; …` leaves the transaction.
    const found = await query<{ row: string }>(
      session,
      `SELECT to_jsonb(found)::text AS row FROM (${one}\n) AS found LIMIT $1`,
      [most],
    );
    return found.map(({ row }) => row);
  });
}
