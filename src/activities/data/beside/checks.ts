import { dirname } from 'node:path';
import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { firstPlace } from '../../keeping/places.js';
import type { Need } from '../contract.js';
import { freeBytes, megabytes } from '../postgres/room.js';
import type { Place } from './place.js';

/** Backup, standby copy, a restored one and what it replaces stand at once. */
const beside = 3.2;

/** Room for copies beside the live store, and for its backup with what it is unpacked into. */
export async function checkRooms(context: StepContext, { store, live }: Place, size: number): Promise<CheckResult[]> {
  return [
    await checkRoom(`${store}: room for copies`, dirname(live), size * beside),
    await checkRoom(`${store}: room for the backup`, firstPlace(context), size * 2),
  ];
}

/** Of what stands at once, the backup lies with the backups. */
export function needsOf(context: StepContext, { live }: Place, size: number): Need[] {
  return [
    { folder: firstPlace(context), bytes: size },
    { folder: dirname(live), bytes: size * (beside - 1) },
  ];
}

async function checkRoom(name: string, folder: string, needed: number): Promise<CheckResult> {
  const free = await freeBytes(folder);
  const expected = `${megabytes(needed)} free in ${folder}`;
  if (free === undefined) return { ...unasked(name, true, expected, `${folder} cannot be looked at`), outcome: 'skip' };
  return unasked(name, free >= needed, expected, `${megabytes(free)} free`);
}
