import type { Contents } from '../contract.js';
import { query, type Session } from './connect.js';
import { tableKey } from './names.js';

/** Large objects have no table of their own that a plain role may read; they are counted under this name. */
export const largeObjects = 'pg_catalog.pg_largeobject';

/**
 * Rows and a content hash of every table, or of `only` those, read by all sessions at once: each must see the same moment. The hash does not depend on the order of rows or columns; partitions count, their parents do not.
 */
export async function readContents(sessions: Session[], only?: string[]): Promise<Contents> {
  const [first] = sessions;
  if (!first) throw new Error('no session to read with');
  const waiting = (await query<Readable>(first, readable)).filter(({ table }) => only?.includes(table) ?? true);
  const tables: Contents['tables'] = {};
  const read = async (session: Session) => {
    for (let next = waiting.shift(); next; next = waiting.shift()) tables[next.table] = await readTable(session, next);
  };
  await Promise.all(sessions.map(read));
  const objects = (only?.includes(largeObjects) ?? true) ? await readLargeObjects(first) : undefined;
  if (objects && objects.rows > 0) tables[largeObjects] = objects;
  return { tables: Object.fromEntries(Object.entries(tables).sort(([a], [b]) => (a < b ? -1 : 1))) };
}

interface Readable {
  table: string;
  sql: string;
  columns: string | null;
}
interface Counted {
  rows: string;
  hash: string;
}

/** The hash of an array is linear in those of its elements: hashed once more, values that rows exchanged do not cancel out in the sum. */
async function readTable(session: Session, { sql, columns }: Readable): Promise<{ rows: number; hash: string }> {
  const row = `hash_array_extended(ARRAY[${columns ?? ''}]::text[] COLLATE "C", 0)`;
  const [seen] = await query<Counted>(
    session,
    `SELECT count(*) AS rows, coalesce(sum(hashtextextended('' COLLATE "C", ${row})), 0)::text AS hash FROM ONLY ${sql} AS t`,
  );
  return { rows: Number(seen?.rows), hash: seen?.hash ?? '' };
}

async function readLargeObjects(session: Session): Promise<{ rows: number; hash: string }> {
  const [seen] = await query<Counted>(
    session,
    `SELECT count(*) AS rows, coalesce(sum(hashtextextended(oid || ' ' || md5(lo_get(oid)), 0)), 0)::text AS hash FROM pg_largeobject_metadata`,
  );
  return { rows: Number(seen?.rows), hash: seen?.hash ?? '' };
}

/**
 * Columns are named one by one, by name: a restore may order an inherited table's columns differently. Largest first. A type may have a function
 * that makes another text of it than the one it is stored by (`char` loses spaces): within a row it does not count, but takes three times as long.
 */
const readable = `
  SELECT ${tableKey('n.nspname', 'c.relname')} AS table, format('%I.%I', n.nspname, c.relname) AS sql,
    string_agg(CASE WHEN y.typtype = 'd' OR EXISTS (SELECT FROM pg_cast k WHERE k.castsource = y.oid AND k.casttarget = 'text'::regtype AND k.castmethod = 'f')
      THEN 'ROW(t.' || quote_ident(a.attname) || ')::text' ELSE 't.' || quote_ident(a.attname) || '::text' END, ', ' ORDER BY a.attname COLLATE "C") AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_type y ON y.oid = a.atttypid
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  GROUP BY c.oid, n.nspname, c.relname, c.relpages ORDER BY c.relpages DESC, 2`;
