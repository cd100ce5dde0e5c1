import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, writeAtomic } from '../../lib/files.js';
import type { StepContext } from '../context.js';
import type { StandbyRecord, StoreBackup } from './contract.js';

interface Kind {
  store: string;
  /** Why no copy stands beside the live store. */
  why: string;
  inPlace?: true;
  live(): Promise<StandbyRecord['live']>;
  counters(): Promise<StandbyRecord['counters']>;
  /** Writes the backup into that folder. */
  take(folder: string): Promise<StoreBackup>;
  prove(folder: string, stored: StoreBackup): Promise<unknown>;
}

/** Beside the run's records, where the run that needs it looks. A proven one is found again; anything less begins anew. */
export async function secondBackup(context: StepContext, kind: Kind): Promise<StandbyRecord> {
  const { store, why, inPlace } = kind;
  const folder = join(context.folder, 'after-stop', store);
  const path = join(folder, 'record.json');
  const done = await readJson<StandbyRecord>(path);
  if (done) return done;
  context.progress(`no copy: ${why}; a second backup of ${store}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const live = await kind.live();
  const counters = await kind.counters();
  const stored = await kind.take(folder);
  await kind.prove(folder, stored);
  const record: StandbyRecord = {
    store,
    copy: join(folder, stored.file),
    live,
    copyOid: '',
    replaced: '',
    takenAt: new Date().toISOString(),
    counters,
    backup: { folder, stored, why, ...(inPlace ? { inPlace } : {}) },
  };
  await writeAtomic(path, JSON.stringify(record));
  return record;
}

/** Bytes a second that a backup and its proof get through: what a busy disk gave, not the best seen. */
const backupRate = 40e6;

/** For the plan: what people have to know before they agree. */
export function secondBackupTime(store: string, why: string, bytes: number): { seconds: number; note: string } {
  const seconds = bytes / backupRate;
  return {
    seconds,
    note: `${store}: no copy can stand beside it (${why}); a second backup is taken and proven after the stop, which adds about ${Math.ceil(seconds)} s of downtime`,
  };
}
