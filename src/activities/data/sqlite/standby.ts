import { existsSync } from 'node:fs';
import { chmod, chown, stat, writeFile } from 'node:fs/promises';
import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import { identityOf, makeBeside, sidePath, type Place } from '../beside/place.js';
import { makeCopy, makeRestored, recordOf, refuseStrange, refuseSwapped, unused } from '../beside/copy.js';
import { asNumber, content } from '../beside/written.js';
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
  await refuseSwapped(place, replaced, oid);
  await makeBeside(place);
  if (!(await unused(copy))) {
    await refuseUnsettled(context, place);
    context.progress(`copying ${place.live} to ${copy}`);
    await makeCopy(place, copy, oid, async (part) => {
      await createEmpty(part);
      if (oid === 'none') return;
      await copyFile(place.live, part);
      await shapeAs(part, await stat(place.live));
    });
  }
  await refuseStrange(place, copy, oid);
  return recordOf(place, copy, replaced);
}

/** Throws NotStopped where somebody has it open, DataRefused where SQLite cannot make one file of it and its log. */
export async function refuseUnsettled(context: StepContext, { live }: Place): Promise<void> {
  if (!(await settle(context, live)) || companionsOf(live).some((suffix) => suffix !== '-journal'))
    throw fail(
      'DataRefused',
      `${live} cannot be read as a whole: look at a copy of it and of what lies beside it, then try again`,
    );
}

/** The backup restored and verified beside the live file, as a copy that can be swapped in. A finished one is found again. */
export async function restoreBeside(
  context: StepContext,
  place: Place,
  folder: string,
  backup: StoreBackup,
): Promise<StandbyRecord> {
  return makeRestored(place, backup, async (part) => {
    await createEmpty(part);
    await restoreInto(context, folder, backup, part);
    await shapeAs(part, readShape(backup));
  });
}

/** Rows by table, and of each table what changes whenever a row does. */
export async function countersOf(context: StepContext, file: string): Promise<Record<string, number>> {
  if (!existsSync(file)) return {};
  const tables = Object.entries(await countTables(context, file));
  return Object.fromEntries(
    tables.flatMap(([name, { rows, hash }]) => [
      [name, rows],
      [content(name), asNumber(hash)],
    ]),
  );
}

/** Whether the file or its log of writes changed since. */
export async function writtenSinceCopy(live: string, { takenAt }: StandbyRecord): Promise<string | undefined> {
  const times = await Promise.all([live, `${live}-wal`].map((path) => stat(path).catch(() => undefined)));
  return times.some((found) => found !== undefined && found.size > 0 && found.mtimeMs > Date.parse(takenAt))
    ? `${live} has changed`
    : undefined;
}

/** When the file and its log of writes last changed. */
export async function lastWriteOf(file: string): Promise<string> {
  const found = await Promise.all(
    [file, `${file}-wal`].map((path) =>
      stat(path, { bigint: true }).then(
        ({ mtimeNs, size, ino }) => `${mtimeNs} ${size} ${ino}`,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return 'none';
          throw error;
        },
      ),
    ),
  );
  return found.join(' ');
}

const createEmpty = (path: string) => writeFile(path, '', { mode: 0o600, flag: 'wx' });

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
