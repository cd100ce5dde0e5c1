import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failureType, rootMessage } from '../../../errors.js';
import { readJson, writeAtomic } from '../../../lib/files.js';
import type { StepContext } from '../../context.js';
import type { StandbyRecord } from '../contract.js';
import { takeBackup } from './backup.js';
import { countersNow } from './counters.js';
import { identity } from './in-place/exchange.js';
import type { Link } from './link.js';
import { proveBackup } from './prove.js';
import { reopen } from './sessions.js';
import { hasStandby, makeStandby } from './standby.js';
import { wayOf } from './way.js';

/** With nothing writing: a copy beside the live database, else a second backup of that moment, proven. */
export async function keepState(context: StepContext, link: Link): Promise<StandbyRecord> {
  // A copy that was cut off may have left it closed.
  await reopen(link);
  const { way, why } = await wayOf(context, link);
  if (way === 'in place') return secondBackup(context, link, why, true);
  // The copy of an attempt that was killed has taken the room that is missed now.
  if (way === 'backup' && !(await hasStandby(link))) return secondBackup(context, link, why);
  try {
    return await makeStandby(context, link);
  } catch (error) {
    if (!['NoRoom', 'NoRights'].includes(failureType(error) ?? '')) throw error;
    return secondBackup(context, link, rootMessage(error));
  }
}

/** Beside the run's records, where the run that needs it looks. A proven one is found again; anything less begins anew. */
async function secondBackup(context: StepContext, link: Link, why: string, inPlace = false): Promise<StandbyRecord> {
  const folder = join(context.folder, 'after-stop', link.store);
  const path = join(folder, 'record.json');
  const done = await readJson<StandbyRecord>(path);
  if (done) return done;
  context.progress(`no copy: ${why}; a second backup of ${link.store}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const live = await identity(context, link);
  const counters = await countersNow(link);
  const stored = await takeBackup(context, link, folder);
  await proveBackup(context, link, folder, stored);
  const record = {
    store: link.store,
    copy: join(folder, stored.file),
    live,
    copyOid: '',
    replaced: '',
    takenAt: new Date().toISOString(),
    counters,
    backup: { folder, stored, why, ...(inPlace ? { inPlace: true as const } : {}) },
  };
  await writeAtomic(path, JSON.stringify(record));
  return record;
}
