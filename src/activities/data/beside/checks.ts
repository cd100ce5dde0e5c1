import { dirname } from 'node:path';
import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { firstPlace } from '../../keeping/places.js';
import type { Need } from '../contract.js';
import { freeBytes, megabytes } from '../postgres/room.js';
import { secondBackupTime } from '../second-backup.js';
import type { Place } from './place.js';
import { alone, together, wayOf } from './way.js';

/** Room for copies beside the live store, and for its backup with what it is unpacked into; what will be done after the stop, and why. */
export async function checkRooms(context: StepContext, place: Place, size: number): Promise<CheckResult[]> {
  const { store, live } = place;
  const { way, why } = await wayOf(context, place, size);
  const seen = {
    copy: 'a copy beside it',
    backup: 'a second backup after the stop, proven: more downtime',
    none: 'none',
  };
  return [
    await checkRoom(`${store}: room for copies`, dirname(live), size * (way === 'backup' ? alone : together)),
    unasked(
      `${store}: way back`,
      way !== 'none',
      'the state after the stop can be kept, and had back',
      `${seen[way]} (${why})`,
    ),
    await checkRoom(`${store}: room for the backup`, firstPlace(context), size * 2),
  ];
}

/** Of what stands at once, the backup lies with the backups. */
export async function needsOf(context: StepContext, place: Place, size: number): Promise<Need[]> {
  const { way } = await wayOf(context, place, size);
  return [
    { folder: firstPlace(context), bytes: size },
    { folder: dirname(place.live), bytes: size * (way === 'backup' ? alone : together - 1) },
    ...(way === 'backup' ? [{ folder: context.folder, bytes: size * 2 }] : []),
  ];
}

/** Seconds that a copy takes, or the second backup, and then why. */
export async function downtimeOf(
  context: StepContext,
  place: Place,
  size: number,
  copying: number,
): Promise<{ seconds: number; note?: string }> {
  const { way, why } = await wayOf(context, place, size);
  return way === 'backup' ? secondBackupTime(place.store, why, size) : { seconds: copying };
}

async function checkRoom(name: string, folder: string, needed: number): Promise<CheckResult> {
  const free = await freeBytes(folder);
  const expected = `${megabytes(needed)} free in ${folder}`;
  if (free === undefined) return { ...unasked(name, true, expected, `${folder} cannot be looked at`), outcome: 'skip' };
  return unasked(name, free >= needed, expected, `${megabytes(free)} free`);
}
