import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../../errors.js';
import type { Kept } from '../contract.js';
import { asAdmin } from './admin.js';
import { close, connectBeside, query, type Session } from './connect.js';
import type { Link } from './link.js';
import { isScratchOf, quoteName } from './names.js';
import { readStory } from './story.js';

interface Row {
  oid: string;
  name: string;
  comment: string | null;
  bytes: string | null;
}

/** Copies, replaced databases and scratch of this live database; folders of the server that no database has. */
export async function keptBeside(link: Link): Promise<Kept[]> {
  const session = await connectBeside(link.admin, link.run);
  try {
    const found = await query<Row>(session, databases);
    return [...found.flatMap((row) => keptOf(link, row)), ...(await orphans(link, session))];
  } finally {
    await close(session);
  }
}

/** Drops one that is still what was listed: by name, oid and story. */
export async function discardKept(link: Link, kept: Kept): Promise<void> {
  const live = link.admin.database;
  await asAdmin(link, live, async (session) => {
    const row = (await query<Row>(session, databases)).find(({ name }) => name === kept.name);
    if (!row) return;
    const [now] = keptOf(link, row);
    const same = now && now.is === kept.is && now.identity === kept.identity && now.run === kept.run;
    if (!same || kept.name === live || !['standby', 'replaced'].includes(kept.is))
      throw fail('DataRefused', `${kept.name} is not the ${kept.is} database that was listed: it stays`);
    await query(session, `DROP DATABASE ${quoteName(kept.name)} WITH (FORCE)`);
  });
}

function keptOf(link: Link, { oid, name, comment, bytes }: Row): Kept[] {
  const live = link.admin.database;
  const common = { store: link.store, name, identity: oid, bytes: bytes === null ? null : Number(bytes) };
  const story = readStory(comment);
  if (story && story.of === live && name !== live)
    return [
      {
        ...common,
        is: story.replacedBy === undefined ? 'standby' : 'replaced',
        run: story.replacedBy ?? story.run,
        at: story.at,
      },
    ];
  return !story && isScratchOf(live, name) ? [{ ...common, is: 'scratch', run: null, at: null }] : [];
}

/** A server that died while it copied leaves files that nothing names. */
async function orphans(link: Link, session: Session): Promise<Kept[]> {
  const found = await unnamedForLong(session);
  return found.map(({ oid, place }) => ({
    store: link.store,
    is: 'orphan',
    name: `${place}/${oid}`,
    identity: oid,
    bytes: null,
    run: null,
    at: null,
  }));
}

/**
 * While a database is made or dropped its files look the same. What is seen before and after a moment in which none was belonged to nobody all
 * the time; on a server that has no such moment within 5 s nothing is said.
 */
async function unnamedForLong(session: Session): Promise<Folder[]> {
  for (let turn = 0; turn < 50; turn += 1) {
    const before = await query<Folder>(session, unnamedFolders);
    if (before.length === 0) return [];
    if ((await query(session, changingDatabases)).length === 0) {
      const after = await query<Folder>(session, unnamedFolders);
      return before.filter(({ oid }) => after.some((one) => one.oid === oid));
    }
    await sleep(100);
  }
  return [];
}

interface Folder {
  oid: string;
  place: string;
}

const unnamedFolders = `
  SELECT d::text AS oid, coalesce(nullif(pg_tablespace_location(t.oid), ''), 'base') AS place
  FROM pg_tablespace t, pg_tablespace_databases(t.oid) d
  WHERE t.spcname <> 'pg_global' AND NOT EXISTS (SELECT FROM pg_database WHERE oid = d)`;

/** Held by CREATE and DROP DATABASE to their end. */
const changingDatabases = `
  SELECT pid FROM pg_locks WHERE locktype = 'relation' AND relation = 'pg_database'::regclass AND mode = 'RowExclusiveLock'`;

const databases = `
  SELECT d.oid::text, d.datname AS name, shobj_description(d.oid, 'pg_database') AS comment,
    CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')
      THEN pg_database_size(d.oid)::text END AS bytes
  FROM pg_database d WHERE d.datname ~ '__[ptscdr]_[0-9a-f]{12}$' ORDER BY d.oid`;
