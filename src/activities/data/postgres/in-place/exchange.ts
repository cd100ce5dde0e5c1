import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail, rootMessage } from '../../../../errors.js';
import { readJson, writeAtomic } from '../../../../lib/files.js';
import type { StepResult } from '../../../../model.js';
import type { StepContext } from '../../../context.js';
import type { StandbyRecord, StoreBackup } from '../../contract.js';
import { asAdmin } from '../admin.js';
import { takeBackup } from '../backup.js';
import { close, connect, explained, query, withSession, type Session } from '../connect.js';
import type { Link } from '../link.js';
import { proveBackup } from '../prove.js';
import { endSessions, forbidConnections, allowConnections, thenAllow } from '../sessions.js';
import { liveIdentity } from '../standby.js';
import { lockable } from './clear.js';
import { restoreInto } from './restore.js';

/** A backup that lies in a folder: what `record.json` of a copy, or of what is replaced, names. */
export interface Lies {
  folder: string;
  stored: StoreBackup;
}

/** Describes a proven backup as what can be restored over the live database. Nothing of it is touched. */
export async function restoreInPlace(
  context: StepContext,
  link: Link,
  folder: string,
  stored: StoreBackup,
): Promise<StandbyRecord> {
  const base = placeOf(context, link);
  const live = await identity(context, link);
  const hash = stored.sha256.slice(0, 12);
  const copy = join(base, hash);
  await mkdir(copy, { recursive: true, mode: 0o700 });
  await writeAtomic(join(copy, 'record.json'), JSON.stringify({ folder, stored } satisfies Lies));
  return {
    store: link.store,
    copy,
    live,
    copyOid: `${live.oid.split(' ')[0]} of ${hash}`,
    replaced: join(base, `before-${hash}`),
    takenAt: new Date().toISOString(),
    counters: null,
    inPlace: true,
  };
}

/** The live database's, with what was restored over it in this run: told by the transactions that did, not by what they left to be read. */
export async function identity(context: StepContext, link: Link): Promise<StandbyRecord['live']> {
  const live = await liveIdentity(link);
  const began = await readBegun(context, link);
  const committed = await withSession(link.admin, link.run, async (session) => {
    for (const one of began.reverse()) if ((await outcome(session, one)) === 'committed') return one.is;
    return undefined;
  });
  return committed === undefined ? live : { ...live, oid: committed };
}

/**
 * The backup that the record names becomes the content of the live database, in one transaction, once the present content is backed up and proven. Nobody
 * writes in between: every table is locked from before that backup until the commit. It commits only what was compared with the manifest; whatever
 * fails leaves the live database as it was. Throws DataRefused, BackupUnusable, OutcomeUnknown.
 */
export async function exchangeInPlace(context: StepContext, link: Link, record: StandbyRecord): Promise<StepResult> {
  const name = link.admin.database;
  return asAdmin(link, name, async (beside) => {
    const startedAt = performance.now();
    await allowConnections(beside, name);
    const session = await connect(link.admin, link.run);
    try {
      const [me] = await query<{ pid: number }>(session, 'SELECT pg_backend_pid() AS pid');
      const live = await liveIdentity(link);
      // A predecessor that was killed may still be at it.
      await alone(link, beside, live.oid, me!.pid);
      const now = await identity(context, link);
      if (now.oid === record.copyOid)
        return {
          note: `${name} holds the data of ${record.takenAt} already; what was there before: ${record.replaced}`,
        };
      refuseOther(record, now);
      const wanted = await readLies(record.copy);
      await query(session, 'BEGIN');
      const tables = await query<{ name: string }>(session, lockable);
      for (let start = 0; start < tables.length; start += 500)
        await query(session, `LOCK TABLE ${tables.slice(start, start + 500).map((one) => one.name).join(', ')} IN SHARE ROW EXCLUSIVE MODE`); // prettier-ignore
      const kept = await keepPresent(context, link, record.replaced);
      await alone(link, beside, live.oid, me!.pid, async () => {
        try {
          await noteBegun(context, link, session, record.copyOid);
          await restoreInto(context, link, session, wanted.folder, wanted.stored);
          await writeAtomic(join(record.replaced, 'record.json'), JSON.stringify(kept));
          await query(session, 'COMMIT');
        } catch (error) {
          // Whoever opens the database again would wait for what this transaction did to it.
          await query(session, 'ROLLBACK').catch(() => undefined);
          throw error;
        }
      });
      const tookMs = Math.round(performance.now() - startedAt);
      return {
        note: `${name} holds the data of ${record.takenAt}, restored in one transaction; what was there before is kept, proven, in ${kept.folder}`,
        data: { tookMs },
      };
    } catch (error) {
      throw explained(error, link.admin);
    } finally {
      // Without a commit it is rolled back by that.
      await close(session);
    }
  });
}

/** Whether what the record names can still be restored. */
export function hasInPlace({ copy }: StandbyRecord): boolean {
  return existsSync(join(copy, 'record.json'));
}

/** Does the act while the live database takes no connection, and nobody but this session is on it. */
async function alone(
  link: Link,
  beside: Session,
  oid: string,
  pid: number,
  act: () => Promise<void> = async () => undefined,
): Promise<void> {
  await thenAllow(link, beside, async () => {
    await forbidConnections(beside, link.admin.database);
    await endSessions(beside, oid, [pid]);
    await act();
  });
}

function refuseOther({ live, copyOid }: StandbyRecord, now: StandbyRecord['live']): void {
  if (now.system !== live.system || now.name !== live.name)
    throw fail(
      'DataRefused',
      `this is not the database that was looked at (${live.name} on server ${live.system}): correct admin_url`,
    );
  if (now.oid !== live.oid)
    throw fail(
      'DataRefused',
      `${live.name} is neither what was looked at (${live.oid}) nor ${copyOid}, but ${now.oid}: nothing was done`,
    );
}

/** A folder of its own each time, so that nothing that was kept is ever written over; one without a proof is the rest of a killed attempt. */
async function keepPresent(context: StepContext, link: Link, replaced: string): Promise<Lies> {
  await mkdir(replaced, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(replaced, { withFileTypes: true }))
    if (entry.isDirectory() && !existsSync(join(replaced, entry.name, 'proven')))
      await rm(join(replaced, entry.name), { recursive: true });
  const folder = join(replaced, randomUUID().slice(0, 8));
  await mkdir(folder, { mode: 0o700 });
  context.progress(`backing up what ${link.admin.database} holds now`);
  try {
    const stored = await takeBackup(context, link, folder);
    await proveBackup(context, link, folder, stored);
    await writeAtomic(join(folder, 'proven'), '');
    return { folder, stored };
  } catch (error) {
    throw fail(
      'DataRefused',
      `what ${link.admin.database} holds now could not be kept, so nothing is put in its place: ${rootMessage(error)}`,
    );
  }
}

async function readLies(copy: string): Promise<Lies> {
  const lies = await readJson<Lies>(join(copy, 'record.json'));
  if (!lies) throw fail('DataRefused', `${copy} names no backup: restore another one instead`);
  return lies;
}

interface Begun {
  /** Of the transaction. */
  xid: string;
  /** Identity of the live database once it is committed. */
  is: string;
}

const placeOf = (context: StepContext, link: Link) => join(context.folder, 'in-place', link.store);
const begunPath = (context: StepContext, link: Link) => join(placeOf(context, link), 'transactions.json');

async function readBegun(context: StepContext, link: Link): Promise<Begun[]> {
  return (await readJson<Begun[]>(begunPath(context, link))) ?? [];
}

/** On disk before anything is dropped: whoever comes next asks the server what became of that transaction. */
async function noteBegun(context: StepContext, link: Link, session: Session, is: string): Promise<void> {
  const [row] = await query<{ xid: string }>(session, 'SELECT txid_current()::text AS xid');
  const began = await readBegun(context, link);
  await writeAtomic(begunPath(context, link), JSON.stringify([...began, { xid: row!.xid, is }]));
}

/** Waits for one that is at its end. */
async function outcome(session: Session, { xid, is }: Begun): Promise<'committed' | 'aborted'> {
  for (let turn = 0; turn < 100; turn += 1) {
    const [row] = await query<{ status: string | null }>(session, 'SELECT txid_status($1::bigint) AS status', [xid]);
    if (row?.status === 'committed' || row?.status === 'aborted') return row.status;
    if (row?.status !== 'in progress') break;
    await sleep(100);
  }
  throw fail(
    'OutcomeUnknown',
    `the server does not tell what became of transaction ${xid}, which restored ${is}: look at the data`,
  );
}
