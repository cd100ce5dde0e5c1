import { existsSync } from 'node:fs';
import type { Database } from '../../../model.js';
import type { Store } from '../contract.js';
import { readAddress } from './address.js';
import { dumpArguments, takeBackup } from './backup.js';
import { changesSince } from './changes.js';
import { containerByHand, swapByHand } from './by-hand.js';
import { restoreByHand } from './restore-by-hand.js';
import { secondBackupTime } from '../second-backup.js';
import { keepState } from './second-backup.js';
import { needsOf, wayOf, type Way } from './way.js';
import { query, withSession } from './connect.js';
import { alone, asAdmin } from './admin.js';
import { countersNow, lastWrite, writtenSince, writtenSinceCopy } from './counters.js';
import { discardKept, keptBeside } from './kept.js';
import { restoreInPlaceByHand } from './in-place/by-hand.js';
import { exchangeInPlace, hasInPlace, identity } from './in-place/exchange.js';
import { linkOf, type Link } from './link.js';
import { isOfHost } from './reach.js';
import { checkDatabase } from './preflight.js';
import { makeScratch, proveBackup, restoreBeside } from './prove.js';
import { firstRows } from './rows.js';
import { restoreArguments } from './restored.js';
import { unusedCopy } from './standby.js';
import { reopen } from './sessions.js';
import { swapIn } from './swap.js';
import { inTurn } from './turns.js';
import type { StepContext } from '../../context.js';

type Postgres = Extract<Database, { postgres: unknown }>['postgres'];

/** One PostgreSQL database, reached by three logins: the application's, a backup role's with BYPASSRLS, an admin's with CREATEDB. */
export function postgresStore(name: string, connections: Postgres): Store {
  const link = (context: StepContext) => linkOf(context, name, connections);
  const turn = async <T>(context: StepContext, act: (to: Link) => Promise<T>): Promise<T> => {
    const to = await link(context);
    return inTurn(context, to, () => act(to));
  };
  return {
    name,
    kind: 'postgres',
    preflight: async (context) => checkDatabase(context, await link(context)),
    size: async (context) => {
      const { backup, run } = await link(context);
      const [row] = await withSession(backup, run, (session) =>
        query<{ size: string }>(session, 'SELECT pg_database_size(current_database())::text AS size'),
      );
      return Number(row?.size);
    },
    needs: async (context) => needsOf(context, await link(context)),
    backup: (context, folder) => turn(context, (to) => takeBackup(context, to, folder)),
    prove: (context, folder, backup) => turn(context, (to) => proveBackup(context, to, folder, backup)),
    scratch: (context, folder, backup) => turn(context, (to) => makeScratch(context, to, folder, backup)),
    standby: async (context) => keepState(context, await link(context)),
    downtime: async (context) => downtimeOf(name, await wayOf(context, await link(context))),
    live: async (context) => identity(context, await link(context)),
    swapIn: async (context, standby) =>
      standby.inPlace ? exchangeInPlace(context, await link(context), standby) : swapIn(await link(context), standby),
    reopen: async (context) => reopen(await link(context)),
    restore: async (context, folder, backup) => restoreBeside(context, await link(context), folder, backup),
    has: async (context, standby) => {
      const { copy, copyOid, backup } = standby;
      if (standby.inPlace) return hasInPlace(standby);
      if (backup) return existsSync(copy);
      return asAdmin(await link(context), copy, async (session) => (await unusedCopy(session, copy))?.oid === copyOid);
    },
    written: async (context, since) => writtenSince(await link(context), since),
    lastWrite: async (context) => lastWrite(await link(context)),
    writtenSinceCopy: async (context, standby) => writtenSinceCopy(await link(context), standby),
    alone: async (context, act) => {
      const to = await link(context);
      return alone(to, to.admin.database, act);
    },
    changes: async (context, standby, only) => changesSince(await link(context), standby, only),
    counters: async (context) => countersNow(await link(context)),
    rows: async (context, sql) => firstRows(await link(context), sql),
    kept: async (context) => keptBeside(await link(context)),
    discard: async (context, kept) => discardKept(await link(context), kept),
    byHand: ({ definition, env }, standby) => {
      if (standby.inPlace || standby.backup?.inPlace) return restoreInPlaceByHand(connections, standby);
      const { admin_url: url, in: service } = connections;
      const inside =
        service && !isOfHost(readAddress(env.value(url))) ? containerByHand(definition, service) : undefined;
      return standby.backup ? restoreByHand(url, standby, standby.backup, inside) : swapByHand(url, standby, inside);
    },
    commands: () => commandsOf(name, connections),
  };
}

/** Bytes a second that a template copy moves: what a busy disk gave, not the best seen. */
const copyRate = 400e6;

function downtimeOf(name: string, { way, why, size }: Way): { seconds: number; note?: string } {
  if (way === 'copy') return { seconds: size / copyRate };
  const { seconds, note } = secondBackupTime(name, why, size);
  const inPlace =
    ', and a rollback that puts data back restores it over the live database, after a proven backup of what is there then: twice that';
  return { seconds, note: way === 'in place' ? note + inPlace : note };
}

function commandsOf(name: string, { backup_url, admin_url, in: service }: Postgres): ReturnType<Store['commands']> {
  const dump = dumpArguments('…', service === undefined ? `${name}.dump` : undefined, '1').join(' ');
  const [from, to] = service === undefined ? [` ${name}.dump`, ''] : [` <${name}.dump`, ` >${name}.dump`];
  const place = service === undefined ? '' : ` in ${service}`;
  const restore = restoreArguments('…__p_…').join(' ');
  return {
    backup: [
      `pg_dump ${dump}${to}   # as ${backup_url}${place}`,
      `count and hash every table by the same snapshot   # as ${backup_url}`,
    ],
    prove: [
      `CREATE DATABASE "…__p_…" TEMPLATE template0   # as ${admin_url}`,
      `pg_restore ${restore}${from}   # as ${admin_url}${place}: first all but policies, then these`,
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
