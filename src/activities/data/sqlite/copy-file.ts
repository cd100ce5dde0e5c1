import { constants } from 'node:fs';
import { copyFile as copy, open, stat } from 'node:fs/promises';
import { fail } from '../../../errors.js';
import { fullDisk } from '../full-disk.js';

/** Writes over `to`, sharing blocks where the filesystem can; it keeps its owner and mode, and survives a power cut. Throws NoRoom. */
export async function copyFile(from: string, to: string): Promise<void> {
  try {
    await copy(from, to, constants.COPYFILE_FICLONE);
    const handle = await open(to, 'r+');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    throw fullDisk(error) ? fail('NoRoom', `${to} cannot be written: no space left on device`) : error;
  }
  const [wanted, got] = [await stat(from), await stat(to)];
  if (wanted.size !== got.size)
    throw fail('DataRefused', `${to} has ${got.size} bytes, ${from} has ${wanted.size}: something writes to it`);
}
