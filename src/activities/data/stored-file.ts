import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../errors.js';
import { sha256File, sha256Written, syncFolder, syncMeanwhile } from '../../lib/files.js';
import type { StepContext } from '../context.js';
import { copyOf } from '../keeping/places.js';
import { fullDisk } from './full-disk.js';
import { seal, sealOf, suffixOf, unseal, type Sealed } from './seal.js';

/** One file of a backup, as it lies in the backup's folder. */
export interface StoredFile {
  /** Its name there. */
  file: string;
  bytes: number;
  sha256: string;
  /** Where it is encrypted: how, and what it must open into. */
  sealed?: Sealed & { plain: { bytes: number; sha256: string } };
}

/**
 * Keeps in `folder` what `write` writes into the file that it is handed (empty, mode 0600), encrypted where the definition says so. It stands
 * under its name whole or not at all. Content to be encrypted lies plain in the run's folder meanwhile, never in the backup's.
 * `inOrder`: it is written from the start to the end, so that it can be hashed meanwhile. `look` reads what was written while it is hashed, and encrypted.
 */
export async function storeFile(
  context: StepContext,
  folder: string,
  name: string,
  write: (path: string) => Promise<void>,
  { inOrder = false, look = async () => undefined }: { inOrder?: boolean; look?: (path: string) => Promise<void> } = {},
): Promise<StoredFile> {
  const sealed = sealOf(context.definition.backup);
  const file = `${name}${suffixOf(sealed)}`;
  const path = join(folder, file);
  const temporary = `${path}.part`;
  try {
    await createEmpty(temporary);
    const written = sealed ? writeSealed(context, sealed, name, temporary, write, look) : write(temporary);
    if (!sealed && !inOrder) await syncMeanwhile(temporary, written);
    const sha256 = await sha256Written(temporary, sealed ? written : written.then(() => look(temporary)));
    const plain = await written;
    await rename(temporary, path);
    await syncFolder(folder);
    const { size } = await stat(path);
    return {
      file,
      bytes: size,
      sha256,
      ...(sealed && plain ? { sealed: { ...sealed, plain } } : {}),
    };
  } catch (error) {
    await rm(temporary, { force: true });
    const full = fullDisk(error);
    throw full ? fail('NoRoom', `${path} cannot be written: ${full}`) : error;
  }
}

async function writeSealed(
  context: StepContext,
  sealed: Sealed,
  name: string,
  stored: string,
  write: (path: string) => Promise<void>,
  look: (path: string) => Promise<void>,
): Promise<{ bytes: number; sha256: string }> {
  return withScratch(context, name, async (plain) => {
    await write(plain);
    const [sha256] = await Promise.all([sha256File(plain), seal(context, sealed, plain, stored), look(plain)]);
    return { bytes: (await stat(plain)).size, sha256 };
  });
}

/** Lends the content of a stored file, or of its copy, as a plain file, to be read only. Throws BackupUnusable where it is not the one that was written. */
export async function withPlainFile<T>(
  context: StepContext,
  folder: string,
  stored: StoredFile,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = await findWhole(context, folder, stored);
  const { sealed } = stored;
  if (!sealed) return use(path);
  return withScratch(context, stored.file.slice(0, -suffixOf(sealed).length), async (plain) => {
    await unseal(context, sealed, path, plain);
    if ((await stat(plain)).size !== sealed.plain.bytes || (await sha256File(plain)) !== sealed.plain.sha256)
      throw fail('BackupUnusable', `${path} opens into another file than was sealed: take another backup`);
    return use(plain);
  });
}

/** Path of the file as it was written: of its copy in the second place where the first place lost it. Throws BackupUnusable. */
export async function findWhole(context: StepContext, folder: string, stored: StoredFile): Promise<string> {
  const path = join(folder, stored.file);
  const copy = copyOf(context, folder);
  try {
    await refuseOther(path, stored);
    return path;
  } catch (error) {
    if (!copy || !existsSync(join(copy, stored.file))) throw error;
    await refuseOther(join(copy, stored.file), stored);
    context.progress(`${path} is not whole: its copy in ${copy} serves`);
    return join(copy, stored.file);
  }
}

async function refuseOther(path: string, stored: StoredFile): Promise<void> {
  if (await isAsWritten(path, stored)) return;
  const found = await stat(path).catch(() => undefined);
  if (!found) throw fail('BackupUnusable', `backup file ${path} is not there: take another backup`);
  throw fail(
    'BackupUnusable',
    `backup file ${path} is not the one that was written (${found.size} of ${stored.bytes} bytes, or another sha256): take another backup`,
  );
}

/** To the last bit: a flipped one keeps the size. */
export async function isAsWritten(
  path: string,
  { bytes, sha256 }: Pick<StoredFile, 'bytes' | 'sha256'>,
): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.size === bytes && (await sha256File(path)) === sha256;
}

/** Plain content in the run's own folder, for as long as it is used; the next attempt removes what a killed one left. */
export async function withScratch<T>(
  context: StepContext,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(context.folder, 'plain', name);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await createEmpty(path);
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

/** pg_dump, openssl and age keep the mode of a file that is there. */
async function createEmpty(path: string): Promise<void> {
  await rm(path, { force: true });
  closeSync(openSync(path, 'wx', 0o600));
}
