import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { failureType, rootMessage } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import type { StandbyRecord } from '../contract.js';
import { deviceOf } from '../device.js';
import { freeBytes, megabytes } from '../postgres/room.js';
import { secondBackup } from '../second-backup.js';
import { unused } from './copy.js';
import { identityOf, sidePath, type Place } from './place.js';

/** Backup, standby copy, a restored one and what it replaces stand at once; without a copy, only a restored one beside the live store. */
export const together = 3.2;
export const alone = 1.2;

/** How the state after the stop is kept: as a copy beside the live store, or as a second backup on the disk of the run's records; `none`: there is no room for either. */
export interface Way {
  way: 'copy' | 'backup' | 'none';
  /** Why, for people. */
  why: string;
}

export async function wayOf(context: StepContext, { live }: Place, size: number): Promise<Way> {
  const folder = dirname(live);
  const free = await freeBytes(folder);
  if (free === undefined) return { way: 'copy', why: `${folder} cannot be looked at` };
  const room = `${megabytes(free)} free in ${folder}`;
  // After the stop the first backup has its room already.
  const wanted = size * (context.at.step === 'standby' ? together - 1 : together);
  if (free >= wanted) return { way: 'copy', why: room };
  const why = `${room}, but ${megabytes(wanted)} are wanted for a copy`;
  if (free < size * alone) return { way: 'none', why };
  if (!(await onOtherDisk(context, live)))
    return { way: 'none', why: `${why}, and a second backup would lie on the same disk` };
  const records = (await freeBytes(context.folder)) ?? 0;
  if (records < size * 2) return { way: 'none', why: `${why}, and ${context.folder} has no room for a second backup` };
  return { way: 'backup', why };
}

interface Keeping {
  size: number;
  copy(): Promise<StandbyRecord>;
  take(folder: string): Promise<NonNullable<StandbyRecord['backup']>['stored']>;
  prove(folder: string, stored: NonNullable<StandbyRecord['backup']>['stored']): Promise<unknown>;
}

/** With nothing writing: a copy beside the live store, else a second backup of that moment, proven. */
export async function keepState(context: StepContext, place: Place, keeping: Keeping): Promise<StandbyRecord> {
  const second = async (why: string) =>
    secondBackup(context, {
      ...keeping,
      store: place.store,
      why,
      live: async () => ({ name: place.live, oid: await identityOf(place.live), system: 'file' }),
      counters: async () => null,
    });
  const { way, why } = await wayOf(context, place, keeping.size);
  // The copy of an attempt that was killed has taken the room that is missed now.
  if (way === 'backup' && !(await unused(sidePath(place, 's', place.run)))) return second(why);
  try {
    return await keeping.copy();
  } catch (error) {
    if (failureType(error) !== 'NoRoom' || !(await onOtherDisk(context, place.live))) throw error;
    return second(rootMessage(error));
  }
}

/** A copy that is there, unconsumed, or the backup that stands for one. */
export async function hasKept({ copy, copyOid, backup }: StandbyRecord): Promise<boolean> {
  return backup ? existsSync(copy) : (await identityOf(copy)) === copyOid && unused(copy);
}

async function onOtherDisk(context: StepContext, live: string): Promise<boolean> {
  return (await deviceOf(dirname(live))) !== (await deviceOf(context.folder));
}
