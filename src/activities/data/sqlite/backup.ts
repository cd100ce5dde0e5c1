import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fail, failureType } from '../../../errors.js';
import type { Run } from '../../../model.js';
import type { StepContext } from '../../context.js';
import type { Place } from '../beside/place.js';
import type { StoreBackup } from '../contract.js';
import { fullDisk } from '../full-disk.js';
import { storeFile } from '../stored-file.js';
import { lookAt, type Looked } from './look.js';
import { runSqlite } from './program.js';

/** Owner and mode of the file: what a restore gives it. */
export interface Shape {
  mode: number;
  uid: number;
  gid: number;
}

/**
 * Writes `<folder>/<store>.sqlite` by SQLite's own backup: one moment of the database, beside whoever writes. What the manifest says is read from
 * that very file. Before a first deploy a database that is not there is an empty one; later it is a wrong path. Throws DataRefused, NoRoom, CommandFailed.
 */
export async function takeBackup(context: StepContext, place: Place, folder: string): Promise<StoreBackup> {
  const { store, live } = place;
  if (!existsSync(live) && !mayBeMissing(context.run))
    throw fail('DataRefused', `${live} is not there: correct \`database\``);
  let looked: Looked | undefined;
  const shape = await shapeOf(live);
  const write = async (file: string) => {
    if (existsSync(live)) await copyLive(context, live, file);
  };
  const look = async (file: string) => void (looked = await lookAt(context, file));
  const stored = await storeFile(context, folder, `${store}.sqlite`, write, { look });
  if (!looked) throw new Error('storeFile wrote nothing');
  return {
    store,
    kind: 'sqlite',
    ...stored,
    contents: looked.contents,
    catalog: { ...looked.catalog, file: [JSON.stringify(shape)] },
  };
}

/** SQLite calls a full disk by words of its own. */
async function copyLive(context: StepContext, live: string, file: string): Promise<void> {
  try {
    await runSqlite(context, ['copy', live, file]);
  } catch (error) {
    if (failureType(error) === 'CommandFailed' && /database or disk is full/.test(String(error)) && !fullDisk(error))
      throw fail('NoRoom', `${file} cannot be written: no space left on device`);
    throw error;
  }
}

/** Before anything ran here. */
export function mayBeMissing({ kind, previous }: Run): boolean {
  return kind === 'deploy' && previous === null;
}

export function readShape({ catalog }: StoreBackup): Shape {
  return JSON.parse(catalog.file?.[0] ?? '') as Shape;
}

async function shapeOf(path: string): Promise<Shape> {
  if (!existsSync(path)) return { mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const { mode, uid, gid } = await stat(path);
  return { mode: mode & 0o7777, uid, gid };
}
