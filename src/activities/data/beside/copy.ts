import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { fail } from '../../../errors.js';
import { syncFolder } from '../../../lib/files.js';
import type { StandbyRecord, StoreBackup } from '../contract.js';
import { identityOf, makeBeside, sidePath, type Place } from './place.js';
import { forget, storyOf, tell } from './story.js';

/** Written whole under another name, then given its own, then its story. `oid`: identity of the live store that it is for. */
export async function makeCopy(
  place: Place,
  copy: string,
  oid: string,
  write: (part: string) => Promise<void>,
): Promise<void> {
  if ((await storyOf(copy)) && existsSync(copy))
    throw fail('DataRefused', `${copy} was in use and holds data: rename it, then try again`);
  const part = `${copy}.part`;
  await forget(copy);
  for (const path of [part, copy]) await rm(path, { recursive: true, force: true });
  try {
    await write(part);
    const handle = await open(part, 'r');
    await handle.sync().finally(() => handle.close());
    await rename(part, copy);
    await syncFolder(place.beside);
    await tell(copy, { run: place.run, of: place.live, oid, at: new Date().toISOString() });
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

/** A copy made from a backup, by `write`, ready to be swapped in. A finished one of this run is found again. */
export async function makeRestored(
  place: Place,
  { sha256 }: StoreBackup,
  write: (part: string) => Promise<void>,
): Promise<StandbyRecord> {
  const [copy, replaced] = [sidePath(place, 's', place.run, sha256), sidePath(place, 'r', place.run, sha256)];
  await makeBeside(place);
  if (!(await unused(copy))) await makeCopy(place, copy, await identityOf(place.live), write);
  return recordOf(place, copy, replaced);
}

/** Whether a finished copy stands there that was not the live file in between. */
export async function unused(copy: string): Promise<boolean> {
  const story = await storyOf(copy);
  return existsSync(copy) && story !== undefined && story.replacedBy === undefined;
}

/** Throws DataRefused where it is a copy of what is not the live store any more. */
export async function refuseStrange({ live }: Place, copy: string, oid: string): Promise<void> {
  if ((await storyOf(copy))?.oid === oid) return;
  throw fail('DataRefused', `${copy} is a copy of another one than what is ${live} now: look at both, remove neither`);
}

/** Throws DataRefused where this run's copy is the live store already. */
export async function refuseSwapped({ live }: Place, replaced: string, oid: string): Promise<void> {
  if (!existsSync(replaced) || (await identityOf(replaced)) === oid) return;
  throw fail('DataRefused', `this run's copy of ${live} was swapped in already: what it replaced is ${replaced}`);
}

export async function recordOf(place: Place, copy: string, replaced: string): Promise<StandbyRecord> {
  const story = await storyOf(copy);
  return {
    store: place.store,
    copy,
    live: { name: place.live, oid: await identityOf(place.live), system: 'file' },
    copyOid: await identityOf(copy),
    replaced,
    takenAt: story?.at ?? new Date().toISOString(),
    counters: null,
  };
}
