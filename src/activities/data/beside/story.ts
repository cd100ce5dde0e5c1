import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, writeAtomic } from '../../../lib/files.js';
import { isSideOf, type Place } from './place.js';

/** What lies in `<copy>.json` beside a copy. It is written when the copy is whole: one without it was never finished. */
export interface Story {
  run: string;
  /** Path of the live store. */
  of: string;
  /** Its identity. */
  oid: string;
  at: string;
  /** Set on what was live: the run that replaced it. */
  replacedBy?: string;
  /** Set while a swap has to move more than one file: what of the live store was taken away, and how its main file was then. */
  parts?: { suffixes: string[]; size: number; mtimeMs: number };
}

const storyPath = (path: string) => `${path}.json`;

export const tell = (path: string, story: Story) => writeAtomic(storyPath(path), JSON.stringify(story));
export const forget = (path: string) => rm(storyPath(path), { force: true });
/** A torn or strange one is no story: what it told of is left alone. */
export const storyOf = (path: string) => readJson<Story>(storyPath(path)).catch(() => undefined);

/** Paths of all that stands beside the live store, finished or not. */
export async function besides(place: Place): Promise<string[]> {
  const names = await readdir(place.beside).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => isSideOf(place, name)).map((name) => join(place.beside, name));
}
