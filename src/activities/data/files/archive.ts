import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fail } from '../../../errors.js';
import { dayMs } from '../../../lib/day.js';
import { hashOf } from '../../../lib/files.js';
import type { StepResult } from '../../../model.js';
import type { StepContext } from '../../context.js';
import type { Place } from '../beside/place.js';
import type { StoreBackup } from '../contract.js';
import { catalogDifferences, refuseDifferences } from '../differences.js';
import { storeFile, withPlainFile } from '../stored-file.js';
import { whyUnread } from '../tool-failure.js';
import { entriesOf } from './program.js';

/**
 * Writes the tree into `<folder>/<name>.tar`, beside whoever writes: a file that changes meanwhile is as it was at some moment of it. What the
 * manifest says is read from that very archive. Throws DataRefused, NoRoom, CommandFailed.
 */
export async function takeBackup(
  context: StepContext,
  place: Place,
  folder: string,
  name: string,
): Promise<StoreBackup> {
  const { live, store } = place;
  let entries: string[] = [];
  const write = async (file: string) => {
    // 1: a file changed, or went, while it was read.
    await context.read({ argv: await pack(context, live, file), ok: [0, 1], deadlineMs: dayMs });
  };
  const look = async (file: string) => void (entries = await entriesOf(context, 'listed', file));
  const stored = await storeFile(context, folder, `${name}.tar`, write, { inOrder: true, look });
  return { store, kind: 'files', ...stored, contents: contentsOf(entries), catalog: { entries } };
}

/** Restores the archive into scratch and compares every file with the manifest. Throws BackupUnusable. */
export async function proveBackup(context: StepContext, folder: string, backup: StoreBackup): Promise<StepResult> {
  const startedAt = performance.now();
  const scratch = await makeScratch(context, folder, backup);
  await scratch.drop();
  const tookMs = Math.round(performance.now() - startedAt);
  const files = backup.contents.tables.files?.rows ?? 0;
  const note = `${backup.file} restored and found equal: ${files} files, ${(tookMs / 1000).toFixed(1)} s`;
  return { note, data: { tookMs, files } };
}

export async function makeScratch(
  context: StepContext,
  folder: string,
  backup: StoreBackup,
): Promise<{ url: string; drop(): Promise<void> }> {
  const url = join(context.folder, 'plain', basename(backup.file, '.tar'));
  const drop = () => rm(url, { recursive: true, force: true });
  await drop();
  try {
    await restoreInto(context, folder, backup, url);
  } catch (error) {
    await drop();
    throw error;
  }
  return { url, drop };
}

/** Makes the folder `path` of what was stored, and compares it with the manifest. Throws BackupUnusable, NoRoom. */
export async function restoreInto(
  context: StepContext,
  folder: string,
  backup: StoreBackup,
  path: string,
): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  context.progress(`restoring ${backup.file} into ${path}`);
  await withPlainFile(context, folder, backup, async (plain) => unpack(context, backup, plain, path));
  context.progress(`comparing ${path} with the manifest`);
  const entries = await entriesOf(context, 'walk', path);
  refuseDifferences(backup, catalogDifferences({ files: backup.catalog.entries ?? [] }, { files: entries }));
}

async function unpack(context: StepContext, backup: StoreBackup, archive: string, path: string): Promise<void> {
  const tar = await context.tools.find('tar');
  try {
    const argv = [tar, ...unpackOptions(), `--file=${archive}`, `--directory=${path}`];
    await context.read({ argv, deadlineMs: dayMs });
  } catch (error) {
    throw whyUnread(error, `${backup.file} cannot be unpacked into ${path}`);
  }
}

async function pack(context: StepContext, live: string, file: string): Promise<string[]> {
  if (!existsSync(live)) throw fail('DataRefused', `${live} is not there: make it, or correct files.keep`);
  const tar = await context.tools.find('tar');
  return [tar, ...packOptions, `--file=${file}`, `--directory=${live}`, '.'];
}

/** Times with more than seconds and long names want `posix`; whose files they are is told by number, since names differ from host to host. */
export const packOptions = ['--create', '--format=posix', '--numeric-owner', '--sort=name', '--acls', '--xattrs'];

/** Only root may give files away. */
export function unpackOptions(): string[] {
  const owner = process.getuid?.() === 0 ? ['--same-owner'] : [];
  return ['--extract', '--numeric-owner', '--same-permissions', '--acls', '--xattrs', ...owner];
}

/** As a table of files: how many, and a hash of all that is told of them. */
export function contentsOf(entries: string[]): StoreBackup['contents'] {
  const files = entries.filter((line) => (JSON.parse(line) as [string, string])[1] === 'file');
  return { tables: { files: { rows: files.length, hash: hashOf(entries) } } };
}
