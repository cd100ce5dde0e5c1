import type { Database } from '../../../model.js';
import type { Store } from '../contract.js';
import { dumpArguments, takeBackup } from './backup.js';
import { swapByHand } from './by-hand.js';
import { query, withSession } from './connect.js';
import { asAdmin } from './admin.js';
import { countersNow, writtenSince } from './counters.js';
import { discardKept, keptBeside } from './kept.js';
import { linkOf } from './link.js';
import { checkDatabase } from './preflight.js';
import { makeScratch, proveBackup, restoreBeside } from './prove.js';
import { firstRows } from './rows.js';
import { restoreArguments } from './restored.js';
import { liveIdentity, makeStandby, unusedCopy } from './standby.js';
import { reopen } from './sessions.js';
import { swapIn } from './swap.js';
import type { StepContext } from '../../context.js';

type Postgres = Extract<Database, { postgres: unknown }>['postgres'];

/** One PostgreSQL database, reached by three logins: the application's, a backup role's with BYPASSRLS, an admin's with CREATEDB. */
export function postgresStore(name: string, connections: Postgres): Store {
  const link = (context: StepContext) => linkOf(context, name, connections);
  return {
    name,
    kind: 'postgres',
    preflight: async (context) => checkDatabase(context, link(context)),
    size: async (context) => {
      const { backup, run } = link(context);
      const [row] = await withSession(backup, run, (session) =>
        query<{ size: string }>(session, 'SELECT pg_database_size(current_database())::text AS size'),
      );
      return Number(row?.size);
    },
    backup: async (context, folder) => takeBackup(context, link(context), folder),
    prove: async (context, folder, backup) => proveBackup(context, link(context), folder, backup),
    scratch: async (context, folder, backup) => makeScratch(context, link(context), folder, backup),
    standby: async (context) => makeStandby(context, link(context)),
    live: async (context) => liveIdentity(link(context)),
    swapIn: async (context, standby) => swapIn(link(context), standby),
    reopen: async (context) => reopen(link(context)),
    restore: async (context, folder, backup) => restoreBeside(context, link(context), folder, backup),
    has: async (context, { copy, copyOid }) =>
      asAdmin(link(context), copy, async (session) => (await unusedCopy(session, copy))?.oid === copyOid),
    written: async (context, since) => writtenSince(link(context), since),
    counters: async (context) => countersNow(link(context)),
    rows: async (context, sql) => firstRows(link(context), sql),
    kept: async (context) => keptBeside(link(context)),
    discard: async (context, kept) => discardKept(link(context), kept),
    byHand: (_context, standby) => swapByHand(connections.admin_url, standby),
    commands: () => commandsOf(name, connections),
  };
}

function commandsOf(name: string, { backup_url, admin_url }: Postgres): ReturnType<Store['commands']> {
  const dump = dumpArguments('…', `${name}.dump`, '1').join(' ');
  const restore = restoreArguments('…__p_…').join(' ');
  return {
    backup: [
      `pg_dump ${dump}   # as ${backup_url}`,
      `count and hash every table by the same snapshot   # as ${backup_url}`,
    ],
    prove: [
      `CREATE DATABASE "…__p_…" TEMPLATE template0   # as ${admin_url}`,
      `pg_restore ${restore} ${name}.dump   # as ${admin_url}: first all but policies, then these`,
      `compare rows, hashes, owners, grants, policies, sequences with the manifest   # as ${backup_url}`,
      'DROP DATABASE "…__p_…"',
    ],
    standby: [
      'ALTER DATABASE … ALLOW_CONNECTIONS false',
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = …',
      'CREATE DATABASE "…__s_…" TEMPLATE … STRATEGY FILE_COPY',
      'ALTER DATABASE … ALLOW_CONNECTIONS true',
    ],
    swapIn: [
      'ALTER DATABASE … ALLOW_CONNECTIONS false',
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = …',
      'BEGIN; ALTER DATABASE … RENAME TO "…__r_…"; ALTER DATABASE "…__s_…" RENAME TO …; ALTER DATABASE … ALLOW_CONNECTIONS true; COMMIT',
    ],
  };
}
