import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepResult } from '../../../model.js';
import type { StepContext } from '../../context.js';
import type { StoreBackup } from '../contract.js';
import { catalogDifferences, contentDifferences, refuseDifferences } from '../differences.js';
import { withPlainFile, withScratch } from '../stored-file.js';
import { whyUnread } from '../tool-failure.js';
import { lookAt } from './look.js';
import { copyFile } from './copy-file.js';

/** Restores the stored file into scratch and compares it with the manifest. Throws BackupUnusable. */
export async function proveBackup(context: StepContext, folder: string, backup: StoreBackup): Promise<StepResult> {
  const startedAt = performance.now();
  await withScratch(context, `${backup.store}.proof.sqlite`, (path) => restoreInto(context, folder, backup, path));
  const tookMs = Math.round(performance.now() - startedAt);
  const counted = Object.values(backup.contents.tables);
  const rows = counted.reduce((sum, table) => sum + table.rows, 0);
  const note = `${backup.file} restored and found equal: ${counted.length} tables, ${rows} rows, ${(tookMs / 1000).toFixed(1)} s`;
  return { note, data: { tookMs, tables: counted.length, rows } };
}

/** Writes what was stored over `path`, and compares everything with the manifest. Throws BackupUnusable, NoRoom. */
export async function restoreInto(
  context: StepContext,
  folder: string,
  backup: StoreBackup,
  path: string,
): Promise<void> {
  context.progress(`restoring ${backup.file} into ${path}`);
  await withPlainFile(context, folder, backup, (plain) => copyFile(plain, path));
  context.progress(`comparing ${path} with the manifest`);
  const { file: _, ...catalog } = backup.catalog;
  const found = await look(context, backup, path);
  refuseDifferences(backup, [
    ...found.damage.map((line) => `SQLite finds it damaged: ${line}`),
    ...contentDifferences(backup.contents, found.contents),
    ...catalogDifferences(catalog, found.catalog),
  ]);
}

async function look(context: StepContext, backup: StoreBackup, path: string) {
  try {
    return await lookAt(context, path, 'checked');
  } catch (error) {
    throw whyUnread(error, `${backup.file} does not restore into ${path}`);
  }
}

/** A restored and verified file of that name, which the caller works with, in a folder of its own. Answers its path. */
export async function makeScratch(
  context: StepContext,
  folder: string,
  backup: StoreBackup,
  name: string,
): Promise<{ url: string; drop(): Promise<void> }> {
  const place = join(context.folder, 'plain', `${backup.store}.scratch`);
  const drop = () => rm(place, { recursive: true, force: true });
  const url = join(place, name);
  await drop();
  await mkdir(place, { recursive: true, mode: 0o700 });
  try {
    await restoreInto(context, folder, backup, url);
  } catch (error) {
    await drop();
    throw error;
  }
  return { url, drop };
}
