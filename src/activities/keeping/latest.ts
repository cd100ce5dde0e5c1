import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupManifest } from '../data/contract.js';
import { isWhole } from './copy.js';
import { readManifest } from './manifest.js';
import { copyOf, firstPlace, runOf, secondPlace, type Keeper } from './places.js';

/** One backup, wherever it lies. */
export interface Backup {
  id: string;
  /** Its folder in the first place, there or not. */
  folder: string;
  manifest: BackupManifest;
  takenAt: string;
  /** When it was restored and found equal; null: never. */
  proven: string | null;
  bytes: number;
  /** Whether all its files lie in the first place. */
  whole: boolean;
  /** Folder of its copy, where that has all its files. */
  copies: string[];
}

/**
 * What a check asks: the newest proven backup, else the newest; undefined where there is none. One that was taken before an undo holds what a release
 * left behind, which no backup after it would: it is none that people mean.
 */
export async function latestBackup(keeper: Keeper): Promise<Backup | undefined> {
  const all = (await backups(keeper)).filter(
    ({ id, whole, copies }) => id === runOf(id) && (whole || copies.length > 0),
  );
  return all.findLast(({ proven }) => proven !== null) ?? all.at(-1);
}

/** All backups of both places, oldest first. */
export async function backups(keeper: Keeper): Promise<Backup[]> {
  const places = [firstPlace(keeper), secondPlace(keeper)].filter((place) => place !== undefined);
  const ids = new Set((await Promise.all(places.map(foldersIn))).flat());
  const found = await Promise.all([...ids].map((id) => read(keeper, id)));
  return found.filter((one) => one !== undefined).sort((a, b) => (a.takenAt < b.takenAt ? -1 : 1));
}

export async function foldersIn(place: string): Promise<string[]> {
  if (!existsSync(place)) return [];
  const entries = await readdir(place, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** What has no manifest that can be read, in either place, is no backup. */
async function read(keeper: Keeper, id: string): Promise<Backup | undefined> {
  const folder = join(firstPlace(keeper), id);
  const copy = copyOf(keeper, folder);
  const readable = (place: string) => readManifest(keeper, place).catch(() => undefined);
  const [first, second] = [await readable(folder), copy && (await readable(copy))];
  const manifest = first ?? second;
  if (!manifest) return undefined;
  return {
    id,
    folder,
    manifest,
    takenAt: manifest.takenAt,
    proven: manifest.proven?.at ?? null,
    bytes: manifest.stores.reduce((sum, { bytes }) => sum + bytes, 0),
    whole: first !== undefined && (await isWhole(folder, first)),
    copies: copy && second && (await isWhole(copy, second)) ? [copy] : [],
  };
}
