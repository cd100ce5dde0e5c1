import { lstat, rm } from 'node:fs/promises';
import { fail } from '../../../errors.js';
import { syncFolder } from '../../../lib/files.js';
import type { Kept } from '../contract.js';
import { identityOf, type Place } from './place.js';
import { besides, forget, storyOf } from './story.js';

/** Copies of the live store and what was replaced, and what killed attempts left. */
export async function keptBeside(place: Place): Promise<Kept[]> {
  const live = await identityOf(place.live);
  const found = await Promise.all((await besides(place)).map((path) => keptOf(place, path)));
  return found.filter((kept) => kept.identity !== live);
}

/** Removes one that is still what was listed: by name, identity and story. `suffixes`: of what lies beside each. */
export async function discardKept(place: Place, kept: Kept, suffixes: string[] = []): Promise<void> {
  if (!(await besides(place)).includes(kept.name)) return;
  const now = await keptOf(place, kept.name);
  const same = now.is === kept.is && now.identity === kept.identity && now.run === kept.run;
  if (!same || !['standby', 'replaced'].includes(kept.is) || now.identity === (await identityOf(place.live)))
    throw fail('DataRefused', `${kept.name} is not the ${kept.is} one that was listed: it stays`);
  // By its own name it is found again: that goes last.
  for (const suffix of [...suffixes, '']) await rm(kept.name + suffix, { recursive: true, force: true });
  await forget(kept.name);
  await syncFolder(place.beside);
}

async function keptOf({ store }: Place, path: string): Promise<Kept> {
  const story = await storyOf(path);
  const [identity, found] = [await identityOf(path), await lstat(path)];
  const common = { store, name: path, identity, bytes: found.isDirectory() ? null : found.size };
  if (!story) return { ...common, is: 'scratch', run: null, at: null };
  return {
    ...common,
    is: story.replacedBy === undefined ? 'standby' : 'replaced',
    run: story.replacedBy ?? story.run,
    at: story.at,
  };
}
