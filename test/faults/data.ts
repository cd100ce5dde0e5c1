import pg from 'pg';
import type { DevDatabase } from '../../src/lib/dev-database.js';

/** Every row of every table, as text, with the columns that were there at that moment. */
export type Data = Record<string, { columns: string[]; rows: string[] }>;

/** The present data; with `like`, only its tables and columns, so that what a migration added does not count. */
export async function readData(url: string, like?: Data): Promise<Data> {
  return withClient(url, async (client) => {
    const found = like ?? (await tablesOf(client));
    const data: Data = {};
    for (const [table, { columns }] of Object.entries(found)) {
      const list = columns.map((column) => `"${column}"`).join(', ');
      const { rows } = await client.query<{ row: string }>(
        `SELECT row(${list})::text AS row FROM "${table}" ORDER BY 1`,
      );
      data[table] = { columns, rows: rows.map(({ row }) => row) };
    }
    return data;
  });
}

/** Names of the tables whose rows differ, with how many are missing and how many are new. */
export function differences(before: Data, now: Data): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((table) => {
    const [old, present] = [before[table], now[table]];
    if (!old || !present) return [`table ${table} ${old ? 'is gone' : 'is new'}`];
    if (old.columns.join() !== present.columns.join()) return [`table ${table} has other columns`];
    if (old.rows.join('\n') === present.rows.join('\n')) return [];
    const [had, has] = [new Set(old.rows), new Set(present.rows)];
    const [gone, added] = [
      [...had].filter((row) => !has.has(row)).length,
      [...has].filter((row) => !had.has(row)).length,
    ];
    return [`table ${table}: ${gone} rows missing, ${added} new, ${present.rows.length - old.rows.length} more in all`];
  });
}

export async function ask<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return withClient(url, async (client) => (await client.query<Row>(text, values)).rows);
}

export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The live database and all that stands beside it. */
export async function databasesOf({ superuserUrl, name }: DevDatabase): Promise<string[]> {
  const rows = await ask<{ name: string }>(
    beside(superuserUrl),
    'SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1',
    [name],
  );
  return rows.map((row) => row.name);
}

/** Whether the live database is there and accepts connections. */
export async function isOpen({ superuserUrl, name }: DevDatabase): Promise<boolean> {
  return (
    (await ask(beside(superuserUrl), 'SELECT 1 FROM pg_database WHERE datname = $1 AND datallowconn', [name]))
      .length === 1
  );
}

/** Whether a session in the live database waits for a lock. */
export async function waitsForLock({ superuserUrl, name }: DevDatabase): Promise<boolean> {
  const text = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'";
  return (await ask(beside(superuserUrl), text, [name])).length > 0;
}

/** A session that is simply there. */
export async function stay(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A session that lets nobody else at the table until it ends. */
export async function lockTable(url: string, table: string): Promise<pg.Client> {
  const client = await stay(url);
  await client.query('BEGIN');
  await client.query(`LOCK TABLE "${table}" IN ACCESS EXCLUSIVE MODE`);
  return client;
}

/** In a database that nothing is done to. */
export function beside(url: string): string {
  return Object.assign(new URL(url), { pathname: '/postgres' }).href;
}

async function tablesOf(client: pg.Client): Promise<Data> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(`
    SELECT table_name AS name, json_agg(column_name ORDER BY column_name) AS columns
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1`);
  return Object.fromEntries(rows.map(({ name, columns }) => [name, { columns, rows: [] }]));
}
