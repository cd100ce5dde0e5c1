import { rootMessage } from '../../../errors.js';
import type { CheckResult } from '../../../model.js';
import { unasked } from '../../context.js';
import { freeBytes, megabytes } from '../postgres/room.js';

export async function checkRoom(name: string, folder: string, needed: number): Promise<CheckResult> {
  const free = await freeBytes(folder);
  const expected = `${megabytes(needed)} free in ${folder}`;
  if (free === undefined) return { ...unasked(name, true, expected, `${folder} cannot be looked at`), outcome: 'skip' };
  return unasked(name, free >= needed, expected, `${megabytes(free)} free`);
}

/** The reason why it failed; undefined where it did not. */
export async function attempt(act: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return rootMessage(error);
  }
}
