import { join } from 'node:path';
import { fail } from '../errors.js';
import { hashOf, readText } from '../lib/files.js';
import type { Definition, Plan, Release, Revisions } from '../model.js';
import type { Targets } from './targets.js';

/** What `resolve` fixed for one run: `pinned.json` of its folder. Every later activity, retry and undo reads this copy. */
export interface Pinned {
  definition: Definition;
  plan: Plan;
  /** Applied revisions before the run. */
  before: Revisions;
  /** Commit of the live checkout before the run, known or not. */
  live: Release | null;
  people: Record<string, string[]>;
  /** What each store was then. */
  targets: Targets;
}

export const pinnedPath = (folder: string) => join(folder, 'pinned.json');

/** Texts that were held against their hashes, by folder: each step reads the same one. */
const proven = new Map<string, string>();

/** Reads a run's pinned copy. Throws DataRefused when it is not the one that the hash names. */
export async function readPinned(folder: string, planHash?: string): Promise<Pinned> {
  const text = await readText(pinnedPath(folder));
  if (text === undefined)
    throw fail('DataRefused', `${pinnedPath(folder)} is missing: the run's folder was moved or removed`);
  const pinned = JSON.parse(text) as Pinned;
  if (proven.get(folder) === text && planHash === pinned.plan.hash) return pinned;
  const { downtime: _downtime, warnings: _warnings, hash, ...content } = pinned.plan;
  const whole =
    hashOf(content) === hash &&
    hashOf(pinned.definition) === pinned.plan.definition &&
    (planHash === undefined || planHash === hash);
  if (!whole)
    throw fail('DataRefused', `${pinnedPath(folder)} was changed since the run began: its hash is not the plan's`);
  if (proven.size >= 100) proven.clear();
  proven.set(folder, text);
  return pinned;
}
