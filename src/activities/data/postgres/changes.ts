import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../../errors.js';
import { namedChanges } from '../changes.js';
import type { Contents, StandbyRecord } from '../contract.js';
import { atDatabase } from './address.js';
import { readCatalog } from './catalog.js';
import { close, connectBeside, explained, query, withSession, type Session } from './connect.js';
import { readContents } from './contents.js';
import { writtenSince } from './counters.js';
import type { Link } from './link.js';
import { quoteName } from './names.js';
import { unusedCopy } from './standby.js';

/**
 * What the live database has otherwise than its recovery point: catalog by name, and tables whose rows differ. Only tables that the server
 * counted something for are read; all of them where it cannot tell and nothing else differs. Throws NotStopped, naming the sessions that are
 * still at work: what these leave is not known yet. `catalog`: neither rows nor sessions are looked at.
 */
export async function changesSince(link: Link, standby: StandbyRecord, only?: 'catalog'): Promise<string[]> {
  if (!only) await atRest(link);
  const written = only ? {} : await writtenSince(link, standby.counters);
  return withSession(link.backup, link.run, async (live) => {
    const catalog = await catalogOf(live);
    const compare = async (before: Reading): Promise<string[]> => {
      const changes = namedChanges(before.catalog, catalog);
      if (!written && changes.length > 0) return changes;
      const tables = written ? Object.keys(written) : undefined;
      return [...changes, ...rowsOf(await before.contents(tables), await readContents([live], tables))];
    };
    if (!standby.backup) return inCopy(link, standby, compare);
    const { catalog: stored, contents } = standby.backup.stored;
    return compare({ catalog: pick(stored, Object.keys(catalog)), contents: async () => contents });
  });
}

interface Reading {
  catalog: Record<string, string[]>;
  contents(tables?: string[]): Promise<Contents>;
}

/** The copy lets us in for as long as it is read, and nobody knows its name; whatever happens, a swap finds it as it was. */
async function inCopy(
  link: Link,
  { copy, copyOid }: StandbyRecord,
  use: (before: Reading) => Promise<string[]>,
): Promise<string[]> {
  // Without the lock of copies and swaps, which whoever asks may hold.
  const session = await connectBeside(link.admin, link.run);
  const allow = async (allowed: boolean) =>
    query(session, `ALTER DATABASE ${quoteName(copy)} ALLOW_CONNECTIONS ${allowed}`);
  try {
    if ((await unusedCopy(session, copy))?.oid !== copyOid)
      throw fail('DataRefused', `${copy} is not the copy that was made: nothing can be compared with it`);
    await allow(true);
    return await withSession(atDatabase(link.backup, copy), link.run, async (reader) => {
      await query(reader, 'SET default_transaction_read_only = on');
      return use({ catalog: await catalogOf(reader), contents: (tables) => readContents([reader], tables) });
    }).finally(() => allow(false));
  } catch (error) {
    throw explained(error, link.admin);
  } finally {
    await close(session);
  }
}

async function catalogOf(session: Session): Promise<Record<string, string[]>> {
  const unfinished = await query<{ line: string }>(session, selectUnfinished);
  return { ...(await readCatalog(session)), 'unfinished indexes': unfinished.map(({ line }) => line) };
}

function rowsOf(before: Contents, now: Contents): string[] {
  const both = Object.keys(now.tables).filter((table) => before.tables[table] !== undefined);
  return both
    .filter((table) => before.tables[table]?.hash !== now.tables[table]?.hash)
    .map((table) => `rows of ${table}`);
}

const pick = (catalog: Record<string, string[]>, headings: string[]) =>
  Object.fromEntries(headings.map((heading) => [heading, catalog[heading] ?? []]));

/** A statement goes on in the server for a while after its client was killed. */
async function atRest(link: Link): Promise<void> {
  await withSession(link.admin, link.run, async (session) => {
    const deadline = Date.now() + 5_000;
    for (;;) {
      const left = await query<{ who: string }>(session, selectAtWork);
      if (left.length === 0) return;
      if (Date.now() > deadline)
        throw fail('NotStopped', `sessions are still at work on it: ${left.map(({ who }) => who).join(', ')}`);
      await sleep(50);
    }
  });
}

const selectAtWork = `
  SELECT format('%s (%s, pid %s)', usename, coalesce(nullif(application_name, ''), 'no name'), pid) AS who FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    AND coalesce(backend_type, 'client backend') = 'client backend' AND coalesce(state, 'active') <> 'idle'`;

/** What CREATE INDEX CONCURRENTLY leaves where it is cut off. No dump has it. */
const selectUnfinished = `
  SELECT format('%I.%I on %I.%I', n.nspname, c.relname, n.nspname, t.relname) AS line
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE NOT (i.indisvalid AND i.indisready) AND t.relkind <> 'p' AND n.nspname !~ '^pg_' ORDER BY 1`;
