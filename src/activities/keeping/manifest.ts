import { basename, join } from 'node:path';
import { fail } from '../../errors.js';
import { hashOf, readText, writeAtomic } from '../../lib/files.js';
import type { BackupManifest } from '../data/contract.js';
import { backupFolder, copyOf, type Keeper } from './places.js';

/** The last thing that is written of a backup: a folder without one is none. */
export async function writeManifest(folder: string, manifest: BackupManifest): Promise<void> {
  await writeAtomic(join(folder, 'manifest.json'), textOf(manifest));
}

/** undefined where there is none. Throws BackupUnusable where it is not, byte by byte, what was written, or another backup's. */
export async function readManifest(keeper: Keeper, folder: string): Promise<BackupManifest | undefined> {
  const path = join(folder, 'manifest.json');
  const text = await readText(path);
  if (text === undefined) return undefined;
  const manifest = parse(text);
  if (!manifest || text !== textOf(manifest))
    throw fail('BackupUnusable', `${path} is not what was written: take another backup`);
  const { environment } = keeper.definition;
  if (manifest.id === basename(folder) && manifest.environment === environment) return manifest;
  throw fail(
    'BackupUnusable',
    `${path} is that of backup ${manifest.id} of ${manifest.environment}: take another backup`,
  );
}

/** The manifest of a run's backup, from its copy where the first place lost it. */
export async function findManifest(keeper: Keeper, run: string): Promise<BackupManifest | undefined> {
  const folder = backupFolder(keeper, run);
  const copy = copyOf(keeper, folder);
  const first = await readManifest(keeper, folder).catch((error: Error) => error);
  if (first && !(first instanceof Error)) return first;
  const second = copy === undefined ? undefined : await readManifest(keeper, copy).catch(() => undefined);
  if (!second && first) throw first;
  return second;
}

/** With the hash of all else in it, so that a damaged manifest is none. */
function textOf(manifest: BackupManifest): string {
  return JSON.stringify({ ...manifest, sha256: hashOf(manifest) }, null, 2);
}

function parse(text: string): BackupManifest | undefined {
  try {
    const { sha256: _, ...manifest } = JSON.parse(text) as BackupManifest & { sha256: string };
    return Array.isArray(manifest.stores) ? manifest : undefined;
  } catch {
    return undefined;
  }
}
