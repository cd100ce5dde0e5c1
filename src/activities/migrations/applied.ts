import { existsSync } from 'node:fs';
import { escapeIdentifier, type QueryResultRow } from 'pg';
import { fail } from '../../errors.js';
import type { StepContext } from '../context.js';
import { query, withSession } from '../data/postgres/connect.js';
import { reachable } from '../data/postgres/reach.js';
import { readRows } from '../data/sqlite/read-rows.js';
import { liveUrl, migratedDatabase } from './tool-settings.js';

/** Tables that the tools keep for themselves. */
export const bookkeeping = ['SequelizeMeta', 'alembic_version', 'django_migrations'];

/** Names in the table "SequelizeMeta", as umzug sorts them; the order in which they were applied is written down nowhere. [] without it. */
export async function sequelizeRows(context: StepContext, url?: string): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(context, url, 'SequelizeMeta', 'name');
  return rows.map(({ name }) => name).sort();
}

/** What alembic wrote down: the heads of what is applied, without their ancestors. [] without its table. */
export async function alembicRows(context: StepContext, url?: string): Promise<string[]> {
  const rows = await rowsOf<{ version_num: string }>(context, url, 'alembic_version', 'version_num');
  return rows.map((row) => row.version_num).sort();
}

/** As `app.name`, in the order in which they were applied. [] without Django's table. */
export async function djangoRows(context: StepContext, url?: string): Promise<string[]> {
  const rows = await rowsOf<{ id: string | number; app: string; name: string }>(
    context,
    url,
    'django_migrations',
    'id, app, name',
  );
  return rows.sort((a, b) => Number(a.id) - Number(b.id)).map(({ app, name }) => `${app}.${name}`);
}

/** Rows of a tool's own table, read from the database itself; `url` (for SQLite a file) defaults to the live one. [] without the table. */
async function rowsOf<T extends QueryResultRow>(
  context: StepContext,
  url: string | undefined,
  table: string,
  columns: string,
): Promise<T[]> {
  const read = 'postgres' in migratedDatabase(context.definition) ? postgresRows<T> : sqliteRows<T>;
  return read(context, url ?? (await liveUrl(context)), table, columns);
}

async function sqliteRows<T>(context: StepContext, file: string, table: string, columns: string): Promise<T[]> {
  if (!existsSync(file)) return [];
  const homes = await readRows(
    context,
    file,
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name = '${table}'`,
  );
  if (homes.length === 0) return [];
  return (await readRows(context, file, `SELECT ${columns} FROM "${table}"`)) as T[];
}

const homes = `SELECT n.nspname AS schema, has_table_privilege(c.oid, 'SELECT') AS readable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = $1 AND c.relkind IN ('r', 'p') ORDER BY n.nspname <> 'public', n.nspname`;

/** In `public`, or in the one schema that has it. */
async function postgresRows<T extends QueryResultRow>(
  context: StepContext,
  url: string,
  table: string,
  columns: string,
): Promise<T[]> {
  const address = await reachable(context, url);
  return withSession(address, context.run.id, async (session) => {
    const found = await query<{ schema: string; readable: boolean }>(session, homes, [table]);
    const [home, ...others] = found;
    if (!home) return [];
    if (home.schema !== 'public' && others.length > 0) {
      const schemas = found.map(({ schema }) => schema).join(', ');
      throw fail(
        'MigrationFailed',
        `${address.shown} has "${table}" in more than one schema (${schemas}): nobody can tell which one counts`,
      );
    }
    if (!home.readable)
      throw fail('NoRights', `${address.user} may not read "${table}" in ${address.shown}: grant it SELECT`);
    return query<T>(session, `SELECT ${columns} FROM ${escapeIdentifier(home.schema)}.${escapeIdentifier(table)}`);
  });
}
