import { mkdir, rm } from 'node:fs/promises';
import type { StepResult } from '../model.js';
import { stores } from './data/lookup.js';
import type { StoreBackup } from './data/contract.js';
import { backupFolder, readManifest, writeManifest } from './records.js';
import { appliedRevisions } from './revisions.js';
import type { Step } from './step.js';

/** A backup of every store, proven by a restore. A proven one of this run is kept; anything less begins again. */
export async function backup(context: Step): Promise<StepResult> {
  const folder = backupFolder(context, context.run.id);
  const had = await readManifest(folder);
  if (had?.proven) return { note: `${folder} (proven before)`, data: { folder } };
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const revisions = await appliedRevisions(context);
  const backups: StoreBackup[] = [];
  for (const store of stores(context.definition)) {
    context.progress(`dumping ${store.name}`);
    backups.push(await store.backup(context, folder));
  }
  const manifest = {
    id: context.run.id,
    environment: context.run.environment,
    run: context.run.id,
    takenAt: new Date().toISOString(),
    version: context.run.previous?.version ?? context.pinned.live?.version ?? null,
    revisions,
    stores: backups,
  };
  await writeManifest(folder, manifest);
  const began = Date.now();
  for (const [index, store] of stores(context.definition).entries()) {
    context.progress(`proving ${store.name} by a restore`);
    const stored = backups[index];
    if (stored) await store.prove(context, folder, stored);
  }
  await writeManifest(folder, { ...manifest, proven: { at: new Date().toISOString(), tookMs: Date.now() - began } });
  const bytes = backups.reduce((sum, one) => sum + one.bytes, 0);
  return {
    note: `${(bytes / 1e6).toFixed(1)} MB, proven by a restore in ${((Date.now() - began) / 1000).toFixed(1)} s`,
    data: { folder, bytes },
  };
}
