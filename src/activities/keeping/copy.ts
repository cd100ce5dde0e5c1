import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, rootMessage } from '../../errors.js';
import { hashOf, syncFolder, temporaries } from '../../lib/files.js';
import { removeAbandoned } from '../../lib/own-name.js';
import type { StepContext } from '../context.js';
import type { BackupManifest, StoreBackup } from '../data/contract.js';
import { isAsWritten } from '../data/stored-file.js';
import { howToOpenFile } from './how-to-open.js';
import { readManifest, writeManifest } from './manifest.js';
import { copyOf, secondRoot } from './places.js';

/**
 * Copies a backup to the second place, and reads it there again. The manifest comes last: a folder without one is no copy. Returns the folder,
 * undefined where the definition names no second place. Throws NoRights, NoRoom, BackupUnusable.
 */
export async function copyBackup(
  context: StepContext,
  folder: string,
  manifest: BackupManifest,
): Promise<string | undefined> {
  const to = copyOf(context, folder);
  if (to === undefined) return undefined;
  const there = await readManifest(context, to).catch(() => undefined);
  if (there && hashOf(there) === hashOf(manifest) && (await isIntact(to, manifest))) return to;
  try {
    await refuseMissing(context);
    await mkdir(to, { recursive: true, mode: 0o700 });
    await removeAbandoned(to, temporaries);
    await rm(join(to, 'manifest.json'), { force: true });
    for (const store of manifest.stores) {
      context.progress(`copying ${store.file} to ${to}`);
      await copyWhole(folder, to, store);
    }
    await copyFile(join(folder, howToOpenFile), join(to, howToOpenFile));
    await writeManifest(to, manifest);
  } catch (error) {
    throw explained(error, to);
  }
  return to;
}

/** Whether all files that the manifest names lie there, in their sizes. */
export async function isWhole(folder: string, manifest: BackupManifest): Promise<boolean> {
  const sizes = await Promise.all(
    manifest.stores.map(
      async ({ file, bytes }) => (await stat(join(folder, file)).catch(() => undefined))?.size === bytes,
    ),
  );
  return sizes.every(Boolean);
}

/** Whether they are what was written, too. */
export async function isIntact(folder: string, manifest: BackupManifest): Promise<boolean> {
  for (const stored of manifest.stores) if (!(await isAsWritten(join(folder, stored.file), stored))) return false;
  return true;
}

/** A folder that is not there is most likely a disk that is not mounted: writing into it would fill another one. */
export async function refuseMissing(context: StepContext): Promise<void> {
  const root = secondRoot(context);
  if (root === undefined) return;
  if ((await stat(root).catch(() => undefined))?.isDirectory()) return;
  throw fail('NoRights', `backup.copy_to ${root} is not there: mount it, or make the folder`);
}

async function copyWhole(from: string, to: string, stored: StoreBackup): Promise<void> {
  const { file } = stored;
  const [path, temporary] = [join(to, file), join(to, `${file}.part`)];
  await rm(temporary, { force: true });
  try {
    await copyFile(join(from, file), temporary, constants.COPYFILE_EXCL);
    await chmod(temporary, 0o600);
    const handle = await open(temporary, 'r+');
    await handle.sync().finally(() => handle.close());
    if (!(await isAsWritten(temporary, stored)))
      throw fail(
        'BackupUnusable',
        `${temporary} is not what was backed up (another sha256): look at both disks, then try again`,
      );
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(to);
}

function explained(error: unknown, to: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return fail('NoRoom', `there is no room for the copy in ${to}: make some, then try again`);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return fail('NoRights', `${to} cannot be written (${code}): give the worker's user the right`);
  return code === undefined ? error : fail('NoRights', `the copy to ${to} failed: ${rootMessage(error)}`);
}
