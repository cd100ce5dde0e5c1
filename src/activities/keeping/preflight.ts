import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { rootMessage } from '../../errors.js';
import { readText, writeAtomic } from '../../lib/files.js';
import type { CheckResult } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { deviceOf } from '../data/device.js';
import { megabytes } from '../data/postgres/room.js';
import { sealOf } from '../data/seal.js';
import { storeFile, withPlainFile } from '../data/stored-file.js';
import { refuseMissing } from './copy.js';
import { firstPlace, secondPlace, secondRoot } from './places.js';

/** Whether a backup can be sealed, opened again and copied: each is tried. `needed`: bytes that a backup may take. */
export async function checkKeeping(context: StepContext, needed: number): Promise<CheckResult[]> {
  return [...(await checkSeal(context)), ...(await checkSecond(context, needed))];
}

async function checkSeal(context: StepContext): Promise<CheckResult[]> {
  const { backup, positions } = context.definition;
  const sealed = sealOf(backup);
  if (!sealed) return [];
  const folder = join(context.folder, 'probe');
  const seen = await attempt(async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const stored = await storeFile(context, folder, 'probe', (path) => writeAtomic(path, context.run.id));
    await withPlainFile(context, folder, stored, async () => undefined);
  });
  await rm(folder, { recursive: true, force: true });
  return [
    unasked(
      'backup-encryption',
      seen === undefined,
      `what ${sealed.by} seals opens again on this host`,
      seen ?? 'it does',
      positions['backup.encrypt'],
    ),
  ];
}

async function checkSecond(context: StepContext, needed: number): Promise<CheckResult[]> {
  const [root, place] = [secondRoot(context), secondPlace(context)];
  if (root === undefined || place === undefined) return [];
  const where = context.definition.positions['backup.copy_to'];
  const probe = join(place, `.probe-${context.run.id}`);
  const seen = await attempt(async () => {
    await refuseMissing(context);
    await mkdir(place, { recursive: true, mode: 0o700 });
    await writeAtomic(probe, context.run.id);
    if ((await readText(probe)) !== context.run.id) throw new Error(`${probe} does not hold what was written`);
  });
  await rm(probe, { force: true });
  const reached = unasked(
    'backup-copy',
    seen === undefined,
    `${root} takes a copy of the backup`,
    seen ?? 'it does',
    where,
  );
  if (seen !== undefined) return [reached];
  const { bavail, bsize } = await statfs(place);
  const [one, other] = await Promise.all([firstPlace(context), place].map(deviceOf));
  return [
    reached,
    unasked(
      'backup-copy-room',
      bavail * bsize > needed,
      `${megabytes(needed)} free in ${root}`,
      `${megabytes(bavail * bsize)} free`,
      where,
    ),
    {
      ...unasked(
        'backup-copy-disk',
        one !== other,
        `${root} on another disk than the backup`,
        one === other ? 'the same' : 'another',
        where,
      ),
      must: 'warn',
    },
  ];
}

async function attempt(act: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return rootMessage(error);
  }
}
