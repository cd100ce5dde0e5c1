import { existsSync } from 'node:fs';
import { link, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { makeBeside, type Place } from '../beside/place.js';
import { checkRooms } from '../beside/checks.js';
import { attempt } from '../postgres/preflight.js';
import { megabytes } from '../postgres/room.js';
import { mayBeMissing } from './backup.js';
import { readRows } from './read-rows.js';

/** Each right is tried; every check runs and is shown, whatever the others say. Changes nothing but scratch that it removes. */
export async function checkFile(context: StepContext, place: Place): Promise<CheckResult[]> {
  const { store, live } = place;
  const there = existsSync(live);
  const read = there ? await attempt(() => readRows(context, live, 'SELECT count(*) FROM sqlite_master')) : undefined;
  const tried = await attempt(() => trySwap(context, place));
  const size = await sizeOf(live);
  return [
    unasked(
      `${store}: file`,
      read === undefined && (there || mayBeMissing(context.run)),
      `${live} can be read as SQLite`,
      read ?? (there ? megabytes(size) : 'not there'),
    ),
    unasked(
      `${store}: swap`,
      tried === undefined,
      `files can be linked and renamed in ${dirname(live)}`,
      tried ?? 'they can',
    ),
    ...(await checkRooms(context, place, size)),
  ];
}

/** With its log, which a backup holds as well. */
export async function sizeOf(live: string): Promise<number> {
  const sizes = await Promise.all(
    ['', '-wal'].map(async (suffix) => (await stat(live + suffix).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function trySwap(context: StepContext, place: Place): Promise<void> {
  await makeBeside(place);
  const [one, other] = [
    join(place.beside, `probe-${context.run.id}-a`),
    join(place.beside, `probe-${context.run.id}-b`),
  ];
  const probe = join(dirname(place.live), `.slipway-probe-${context.run.id}`);
  try {
    await writeFile(one, '');
    await rm(other, { force: true });
    await link(one, other);
    await rename(one, probe);
  } finally {
    for (const path of [one, other, probe]) await rm(path, { force: true });
  }
}
