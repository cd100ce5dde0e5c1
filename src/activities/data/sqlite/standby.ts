import { existsSync } from 'node:fs';
import { chmod, chown, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { fail } from '../../../errors.js';
import { syncFolder } from '../../../lib/files.js';
import type { StepContext } from '../../context.js';
import { identityOf, makeBeside, sidePath, type Place } from '../beside/place.js';
import { forget, storyOf, tell } from '../beside/story.js';
import type { StandbyRecord, StoreBackup } from '../contract.js';
import { readShape, type Shape } from './backup.js';
import { companionsOf, settle } from './companions.js';
import { copyFile } from './copy-file.js';
import { countTables } from './look.js';
import { restoreInto } from './restored.js';

/** With nothing writing: an exact copy beside the live file. A finished one of this run is found again; an unfinished one is begun anew. */
export async function makeStandby(context: StepContext, place: Place): Promise<StandbyRecord> {
  const [copy, replaced] = [sidePath(place, 's', place.run), sidePath(place, 'r', place.run)];
  const oid = await identityOf(place.live);
  if (existsSync(replaced) && (await identityOf(replaced)) !== oid)
    throw fail(
      'DataRefused',
      `this run's copy of ${place.live} was swapped in already: the file that it replaced is ${replaced}`,
    );
  await makeBeside(place);
  if (!(await unused(copy))) {
    if (!(await settle(context, place.live)) || companionsOf(place.live).some((suffix) => suffix !== '-journal'))
      throw fail('DataRefused', `${place.live} cannot be read as a whole: look at it with sqlite3, then try again`);
    context.progress(`copying ${place.live} to ${copy}`);
    await finish(place, copy, oid, async (part) => {
      if (oid === 'none') return;
      await copyFile(place.live, part);
      await shapeAs(part, await stat(place.live));
    });
  }
  if ((await storyOf(copy))?.oid !== oid)
    throw fail(
      'DataRefused',
      `${copy} is a copy of another file than the one that is ${place.live} now: look at both, remove neither`,
    );
  return recordOf(place, copy, replaced);
}

/** The backup restored and verified beside the live file, as a copy that can be swapped in. A finished one is found again. */
export async function restoreBeside(
  context: StepContext,
  place: Place,
  folder: string,
  backup: StoreBackup,
): Promise<StandbyRecord> {
  const about = [place.run, backup.sha256] as const;
  const [copy, replaced] = [sidePath(place, 's', ...about), sidePath(place, 'r', ...about)];
  await makeBeside(place);
  if (!(await unused(copy)))
    await finish(place, copy, await identityOf(place.live), async (part) => {
      await restoreInto(context, folder, backup, part);
      await shapeAs(part, readShape(backup));
    });
  return recordOf(place, copy, replaced);
}

/** Whether a finished copy stands there that was not the live file in between. */
export async function unused(copy: string): Promise<boolean> {
  const story = await storyOf(copy);
  return existsSync(copy) && story !== undefined && story.replacedBy === undefined;
}

/** Rows by table, and of each table what changes whenever a row does. */
export async function countersOf(context: StepContext, file: string): Promise<Record<string, number>> {
  if (!existsSync(file)) return {};
  const tables = Object.entries(await countTables(context, file));
  return Object.fromEntries(
    tables.flatMap(([name, { rows, hash }]) => [
      [name, rows],
      [content(name), Number.parseInt(hash.slice(0, 12), 16)],
    ]),
  );
}

/** By table: the difference in rows, and at least one where anything in it changed. Without what SQLite counts for itself. */
export function writtenBetween(since: Record<string, number>, now: Record<string, number>): Record<string, number> {
  const names = [...new Set([...Object.keys(since), ...Object.keys(now)])].filter(
    (key) => !key.endsWith(content('')) && !key.startsWith('sqlite_'),
  );
  return Object.fromEntries(
    names
      .filter((name) => since[content(name)] !== now[content(name)])
      .map((name) => [name, Math.max(1, Math.abs((now[name] ?? 0) - (since[name] ?? 0)))]),
  );
}

const content = (table: string) => `${table}\0content`;

/** Written whole under another name, then given its own, then its story. */
async function finish(place: Place, copy: string, oid: string, write: (part: string) => Promise<void>): Promise<void> {
  if ((await storyOf(copy)) && existsSync(copy))
    throw fail('DataRefused', `${copy} was in use and holds data: rename it, then try again`);
  const part = `${copy}.part`;
  await forget(copy);
  await rm(part, { force: true });
  try {
    await writeFile(part, '', { mode: 0o600, flag: 'wx' });
    await write(part);
    const handle = await open(part, 'r');
    await handle.sync().finally(() => handle.close());
    await rename(part, copy);
    await syncFolder(place.beside);
    await tell(copy, { run: place.run, of: place.live, oid, at: new Date().toISOString() });
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function recordOf(place: Place, copy: string, replaced: string): Promise<StandbyRecord> {
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

async function shapeAs(path: string, { mode, uid, gid }: Shape): Promise<void> {
  const has = await stat(path);
  if (has.uid !== uid || has.gid !== gid)
    await chown(path, uid, gid).catch((error: NodeJS.ErrnoException) => {
      throw fail(
        'NoRights',
        `${path} cannot be given to user ${uid}, group ${gid} (${error.code}): run the worker as root`,
      );
    });
  await chmod(path, mode & 0o7777);
}
