import { join } from 'node:path';
import { fail } from '../errors.js';
import { hashOf, readJson } from '../lib/files.js';
import type { Definition, Plan, Release, Revisions } from '../model.js';

/** What `resolve` fixed for one run: `pinned.json` of its folder. Every later activity, retry and undo reads this copy. */
export interface Pinned {
  definition: Definition;
  plan: Plan;
  /** Applied revisions before the run. */
  before: Revisions;
  /** Commit of the live checkout before the run, known or not. */
  live: Release | null;
  people: Record<string, string[]>;
}

export const pinnedPath = (folder: string) => join(folder, 'pinned.json');

/** Reads a run's pinned copy. Throws DataRefused when it is not the one that the hash names. */
export async function readPinned(folder: string, planHash?: string): Promise<Pinned> {
  const pinned = await readJson<Pinned>(pinnedPath(folder));
  if (!pinned) throw fail('DataRefused', `${pinnedPath(folder)} is missing: the run's folder was moved or removed`);
  const { downtime: _downtime, warnings: _warnings, hash, ...content } = pinned.plan;
  const whole = hashOf(content) === hash && hashOf(pinned.definition) === pinned.plan.definition && (planHash === undefined || planHash === hash);
  if (!whole) throw fail('DataRefused', `${pinnedPath(folder)} was changed since the run began: its hash is not the plan's`);
  return pinned;
}
