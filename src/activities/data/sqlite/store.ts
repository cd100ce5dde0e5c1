import { basename } from 'node:path';
import { makeWhole, realCalls, swapIn } from './swap.js';
import type { Database } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { identityOf, placeOf, type Place } from '../beside/place.js';
import type { Store } from '../contract.js';
import { readShape, takeBackup } from './backup.js';
import { swapByHand } from './by-hand.js';
import { changesSince } from './changes.js';
import { settle, suffixes } from './companions.js';
import { checkFile, sizeOf } from './preflight.js';
import { readRows } from './read-rows.js';
import { makeScratch, proveBackup } from './restored.js';
import { liveFile } from './live-file.js';
import { countersOf, lastWriteOf, makeStandby, refuseUnsettled, restoreBeside, writtenSinceCopy } from './standby.js';
import { restoreByHand } from '../beside/by-hand.js';
import { downtimeOf, needsOf } from '../beside/checks.js';
import { hasKept, keepState } from '../beside/way.js';
import { discardKept, keptBeside } from '../beside/kept.js';
import { writtenBetween } from '../beside/written.js';

type Sqlite = Extract<Database, { sqlite: unknown }>['sqlite'];

/** Bytes a second that a plain copy moves, and that are counted and hashed: what a busy disk gave, not the best seen. */
const copyRate = 400e6;
const countRate = 150e6;
const most = 500;

/** One SQLite file, in the checkout or in a volume of this host. Its copies stand in `.slipway` beside it, so that a rename puts one in its place. */
export function sqliteStore(name: string, sqlite: Sqlite): Store {
  const at = async (context: StepContext): Promise<Place> => {
    return placeOf(name, context.run.id, await liveFile(context, sqlite));
  };
  return {
    name,
    kind: 'sqlite',
    preflight: async (context) => checkFile(context, await at(context)),
    size: async (context) => sizeOf((await at(context)).live),
    needs: async (context) => {
      const place = await at(context);
      return needsOf(context, place, await sizeOf(place.live));
    },
    backup: async (context, folder) => takeBackup(context, await at(context), folder),
    prove: proveBackup,
    scratch: async (context, folder, backup) =>
      makeScratch(context, folder, backup, basename((await at(context)).live)),
    standby: async (context) => {
      const place = await at(context);
      return keepState(context, place, {
        size: await sizeOf(place.live),
        copy: () => makeStandby(context, place),
        take: async (folder) => {
          await refuseUnsettled(context, place);
          return takeBackup(context, place, folder);
        },
        prove: (folder, stored) => proveBackup(context, folder, stored),
      });
    },
    downtime: async (context) => {
      const place = await at(context);
      const size = await sizeOf(place.live);
      return downtimeOf(context, place, size, size / copyRate + size / countRate);
    },
    swapIn: async (context, standby) =>
      swapIn(await at(context), standby, { ...realCalls, settle: (file) => settle(context, file) }),
    reopen: async (context) => makeWhole(await at(context), realCalls),
    live: async (context) => {
      const { live } = await at(context);
      return { name: live, oid: await identityOf(live), system: 'file' };
    },
    restore: async (context, folder, backup) => restoreBeside(context, await at(context), folder, backup),
    has: async (_context, standby) => hasKept(standby),
    counters: async (context) => countersOf(context, (await at(context)).live),
    lastWrite: async (context) => lastWriteOf((await at(context)).live),
    writtenSinceCopy: async (context, standby) => writtenSinceCopy((await at(context)).live, standby),
    written: async (context, since) =>
      since && writtenBetween(since, await countersOf(context, (await at(context)).live)),
    changes: async (context, standby) => changesSince(context, (await at(context)).live, standby.copy),
    rows: async (context, sql) => {
      const { live } = await at(context);
      const one = sql.trim().replace(/;$/, '');
      const found = await readRows(context, live, `SELECT * FROM (${one}\n) LIMIT ${most}`);
      return found.map((row) => JSON.stringify(row));
    },
    kept: async (context) => keptBeside(await at(context)),
    discard: async (context, kept) => discardKept(await at(context), kept, suffixes),
    byHand: (_context, standby) => {
      if (!standby.backup) return swapByHand(standby);
      const { mode, uid, gid } = readShape(standby.backup.stored);
      const make = (plain: string, to: string) => [
        `cp ${plain} ${to}`,
        `chown ${uid}:${gid} ${to}`,
        `chmod ${mode.toString(8)} ${to}`,
      ];
      return restoreByHand(standby, make, suffixes);
    },
    commands: () => commandsOf(name, sqlite),
  };
}

function commandsOf(name: string, { file, volume }: Sqlite): ReturnType<Store['commands']> {
  const copy = `.slipway/${basename(file)}.s-…`;
  return {
    backup: [
      ...(volume ? [`cd to the folder of volume ${volume} on this host`] : []),
      `sqlite3 ${file} '.backup ${name}.sqlite', in one step`,
      'count and hash every table of the copy',
    ],
    prove: [
      `a copy of ${name}.sqlite: PRAGMA integrity_check, PRAGMA foreign_key_check`,
      'compare schema, rows, hashes, user_version with the manifest',
    ],
    standby: [
      `sqlite3 ${file} 'PRAGMA wal_checkpoint(TRUNCATE)', with no process that has it open`,
      `cp ${file} ${copy}`,
    ],
    swapIn: [`ln ${file} .slipway/….r-…`, `mv ${copy} ${file}`],
  };
}
