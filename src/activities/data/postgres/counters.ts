import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StandbyRecord } from '../contract.js';
import { query, withSession, type Session } from './connect.js';
import { serverMajor } from './databases.js';
import type { Link } from './link.js';
import { tableKey } from './names.js';

/** Keys that are no table: what must be the same for two readings to be comparable. */
const database = '#database';
const reset = '#reset';
const discarded = '#discarded';
const files = '#files';

/** Rows inserted, updated and deleted so far, by table, with what tells whether the server went on counting. Null where it does not count. */
export async function readCounters(session: Session): Promise<Record<string, number> | null> {
  const { counters, rows } = await readState(session);
  return counters && { ...counters, [files]: fileHash(rows) };
}

export async function countersNow(link: Link): Promise<Record<string, number> | null> {
  return withSession(link.admin, link.run, async (session) => ((await settle(session)) ? readCounters(session) : null));
}

/**
 * Rows written since, by table: tables with none are left out. Null = unknown: statistics were reset or lost, the server does not count, a table
 * was truncated, rewritten or dropped, or a transaction that writes is still open. Never 0 for unknown.
 */
export async function writtenSince(
  link: Link,
  since: Record<string, number> | null,
): Promise<Record<string, number> | null> {
  if (!since) return null;
  return withSession(link.admin, link.run, async (session) =>
    (await settle(session)) ? difference(since, await readState(session)) : null,
  );
}

/**
 * Tables written since that copy, as the server has counted at once. Before 15 a server may count what was written before the copy only after it:
 * nothing is told.
 */
export async function writtenSinceCopy(link: Link, { counters }: StandbyRecord): Promise<string | undefined> {
  if (!counters) return undefined;
  return withSession(link.admin, link.run, async (session) => {
    if ((await serverMajor(session)) < 15) return undefined;
    const written = Object.entries(difference(counters, await readState(session)) ?? {});
    return written.map(([table, rows]) => `${table}: ${rows} rows`).join(', ') || undefined;
  });
}

/** By the transactions of the whole server that wrote and have ended. */
export async function lastWrite(link: Link): Promise<string> {
  return withSession(link.admin, link.run, async (session) => {
    const [row] = await query<{ next: string }>(
      session,
      'SELECT txid_snapshot_xmax(txid_current_snapshot())::text AS next',
    );
    return row?.next ?? '';
  });
}

interface State {
  counters: Record<string, number> | null;
  rows: { table: string; file: string; written: string }[];
}

function difference(since: Record<string, number>, { counters, rows }: State): Record<string, number> | null {
  if (!counters) return null;
  if ([database, reset, discarded].some((key) => since[key] !== counters[key])) return null;
  const known = rows.filter(({ table }) => table in since);
  if (fileHash(known) !== since[files]) return null;
  const written = rows.map(({ table, written: now }) => [table, Number(now) - (since[table] ?? 0)] as const);
  if (written.some(([, count]) => count < 0)) return null;
  return Object.fromEntries(written.filter(([, count]) => count > 0));
}

async function readState(session: Session): Promise<State> {
  const [flags] = await query<{ counting: boolean; oid: string; reset: string; discarded: string }>(
    session,
    selectFlags,
  );
  const rows = await query<State['rows'][number]>(session, selectTables);
  if (!flags?.counting) return { counters: null, rows };
  const counted = Object.fromEntries(rows.map(({ table, written }) => [table, Number(written)]));
  return {
    counters: {
      [database]: Number(flags.oid),
      [reset]: Number(flags.reset),
      [discarded]: Number(flags.discarded),
      ...counted,
    },
    rows,
  };
}

/** TRUNCATE counts no rows but gives a table a new file, as does a rewrite. */
function fileHash(rows: State['rows']): number {
  const lines = rows.map(({ table, file }) => `${table} ${file}`).sort();
  return parseInt(createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 12), 16);
}

/**
 * A session keeps what it counted to itself for up to 10 s: waits until the others have gone, or were idle for longer, or had the time to
 * report. False where the counters would still not tell all: a transaction that writes is open, or the server (before 15) has no such limit.
 */
async function settle(session: Session): Promise<boolean> {
  const deadline = Date.now() + 11_000;
  for (;;) {
    const [seen] = await query<{ busy: number; writing: number; prepared: number }>(session, selectActivity);
    if (!seen || seen.writing + seen.prepared > 0) {
      if (Date.now() > deadline) return false;
    } else if (seen.busy === 0) {
      return true;
    } else if (Date.now() > deadline) {
      return (await serverMajor(session)) >= 15;
    }
    await sleep(100);
  }
}

const selectActivity = `
  SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE datid = me.oid AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
      AND NOT coalesce(state = 'idle' AND state_change < clock_timestamp() - interval '11 s', false)) AS busy,
    (SELECT count(DISTINCT l.pid)::int FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'relation' AND l.database = me.oid
      AND a.usesysid IS NOT NULL AND l.pid <> pg_backend_pid() AND (l.relation >= 16384 OR l.relation = 'pg_largeobject'::regclass)
      AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')) AS writing,
    (SELECT count(*)::int FROM pg_prepared_xacts WHERE database = me.datname) AS prepared
  FROM pg_database me WHERE datname = current_database()`;

// A crash empties all statistics and stamps the server-wide ones anew; a reset of one table stamps its database.
const selectFlags = `
  SELECT current_setting('track_counts')::bool AS counting, d.oid::text, coalesce(extract(epoch FROM s.stats_reset), 0)::text AS reset,
    coalesce(extract(epoch FROM b.stats_reset), 0)::text AS discarded
  FROM pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid, pg_stat_bgwriter b WHERE d.datname = current_database()`;

const selectTables = `
  SELECT ${tableKey('n.nspname', 'c.relname')} AS table, c.oid || ' ' || pg_relation_filenode(c.oid) AS file,
    (pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid))::text AS written
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND ((n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') OR c.oid = 'pg_largeobject'::regclass)`;
