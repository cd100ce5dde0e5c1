import { fail } from '../../errors.js';
import type { StepContext } from '../context.js';
import { query, withSession } from '../data/postgres/connect.js';
import { reachable } from '../data/postgres/reach.js';

const homes = `SELECT n.nspname AS schema, has_table_privilege(c.oid, 'SELECT') AS readable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = 'SequelizeMeta' AND c.relkind IN ('r', 'p') ORDER BY n.nspname <> 'public', n.nspname`;

/** Names in the table "SequelizeMeta", as umzug sorts them; the order in which they were applied is written down nowhere. [] without it. */
export async function appliedMigrations(context: StepContext, url: string): Promise<string[]> {
  const address = await reachable(context, url);
  return withSession(address, context.run.id, async (session) => {
    const found = await query<{ schema: string; readable: boolean }>(session, homes);
    const [home, ...others] = found;
    if (!home) return [];
    if (home.schema !== 'public' && others.length > 0) {
      const schemas = found.map(({ schema }) => schema).join(', ');
      throw fail(
        'MigrationFailed',
        `${address.shown} has "SequelizeMeta" in more than one schema (${schemas}): nobody can tell which one counts`,
      );
    }
    if (!home.readable)
      throw fail('NoRights', `${address.user} may not read "SequelizeMeta" in ${address.shown}: grant it SELECT`);
    const rows = await query<{ name: string }>(
      session,
      `SELECT name FROM "${home.schema.replaceAll('"', '""')}"."SequelizeMeta"`,
    );
    return rows.map(({ name }) => name).sort();
  });
}
