import { mkdir, rm } from 'node:fs/promises';
import type { StepResult } from '../model.js';
import { stores } from './data/lookup.js';
import type { BackupManifest, StoreBackup } from './data/contract.js';
import type { Still } from './keeping/beside-changes.js';
import { copyBackup } from './keeping/copy.js';
import { writeHowToOpen } from './keeping/how-to-open.js';
import { readManifest, writeManifest } from './keeping/manifest.js';
import { backupFolder, copyOf } from './keeping/places.js';
import { refuseShrunk } from './keeping/shrunk.js';
import { appliedRevisions } from './revisions.js';
import type { Step } from './step.js';

/** A backup of every store, proven by a restore, and copied. A proven one of this run is kept; anything less begins again. */
export async function backup(context: Step, still: Still = async () => undefined): Promise<StepResult> {
  const folder = backupFolder(context, context.run.id);
  const had = await readManifest(context, folder).catch(() => undefined);
  const manifest = had?.proven ? had : await takeProven(context, folder, still);
  const copy = await copyBackup(context, folder, manifest);
  const bytes = manifest.stores.reduce((sum, one) => sum + one.bytes, 0);
  const proof = had?.proven ? 'proven before' : `proven by a restore in ${seconds(manifest.proven?.tookMs)}`;
  return {
    note: `${(bytes / 1e6).toFixed(1)} MB, ${proof}${copy ? `, copied to ${copy}` : ''}`,
    data: { folder, bytes, ...(copy ? { copy } : {}) },
  };
}

async function takeProven(context: Step, folder: string, still: Still): Promise<BackupManifest> {
  const taken = await take(context, folder, still);
  // What is taken back may be just that everything is gone.
  if (context.run.kind === 'deploy' && context.at.step === 'backup') await refuseShrunk(context, taken);
  return prove(context, folder, taken);
}

async function take(context: Step, folder: string, still: Still): Promise<BackupManifest> {
  for (const place of [folder, copyOf(context, folder)]) if (place) await rm(place, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const revisions = await appliedRevisions(context);
  const backups: StoreBackup[] = [];
  for (const store of stores(context.definition)) {
    context.progress(`dumping ${store.name}`);
    backups.push(await store.backup(context, folder));
  }
  await still();
  const manifest = {
    id: context.run.id,
    environment: context.run.environment,
    run: context.run.id,
    takenAt: new Date().toISOString(),
    version: context.run.previous?.version ?? context.pinned.live?.version ?? null,
    revisions,
    stores: backups,
  };
  await writeHowToOpen(folder, manifest);
  await writeManifest(folder, manifest);
  return manifest;
}

async function prove(context: Step, folder: string, manifest: BackupManifest): Promise<BackupManifest> {
  const began = Date.now();
  for (const store of stores(context.definition)) {
    context.progress(`proving ${store.name} by a restore`);
    const stored = manifest.stores.find((one) => one.store === store.name);
    if (stored) await store.prove(context, folder, stored);
  }
  const proven = { ...manifest, proven: { at: new Date().toISOString(), tookMs: Date.now() - began } };
  await writeManifest(folder, proven);
  return proven;
}

function seconds(ms = 0): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
