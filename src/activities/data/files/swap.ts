import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../../../errors.js';
import { syncFolder } from '../../../lib/files.js';
import type { StepResult } from '../../../model.js';
import { identityOf, makeBeside, type Place } from '../beside/place.js';
import { besides, forget, storyOf, tell } from '../beside/story.js';
import type { StandbyRecord } from '../contract.js';

/** Every call by which a swap changes something. Tests end it before each of them. */
export interface Calls {
  /** Each gets the other's name, in one moment; false where the filesystem cannot. */
  exchange(one: string, other: string): Promise<boolean>;
  rename: typeof rename;
  tell: typeof tell;
  forget: typeof forget;
  sync: typeof syncFolder;
}

export const realCalls: Omit<Calls, 'exchange'> = { rename, tell, forget, sync: syncFolder };

/**
 * The copy becomes the live tree, and the live one is kept under `standby.replaced`. At any moment the whole old tree or the whole new one has the
 * live name; where the filesystem cannot exchange two names, none has it for a moment, and `makeWhole` gives it back. Identities decide what there
 * is to do; a tree that is neither the recorded one nor the copy is left alone with DataRefused.
 */
export async function swapIn(place: Place, standby: StandbyRecord, calls: Calls): Promise<StepResult> {
  const { live } = place;
  const { copy, copyOid, replaced, takenAt } = standby;
  await makeWhole(place, calls);
  if ((await identityOf(live)) === copyOid) {
    await tidy(place, standby, calls);
    return { note: `${live} is the copy of ${takenAt} already; replaced: ${replaced}` };
  }
  await refuseOthers(place, standby);
  const startedAt = performance.now();
  await makeBeside(place);
  const at = new Date().toISOString();
  await calls.tell(replaced, { run: place.run, of: live, oid: standby.live.oid, at, replacedBy: place.run });
  if (!existsSync(live)) await calls.rename(copy, live);
  else if (!(await calls.exchange(copy, live))) {
    await calls.rename(live, replaced);
    await calls.rename(copy, live);
  }
  await tidy(place, standby, calls);
  const tookMs = Math.round(performance.now() - startedAt);
  return { note: `${live} is the copy of ${takenAt}; what it replaced is kept as ${replaced}`, data: { tookMs } };
}

/** A swap that was ended between two renames: what was live has its name again. */
export async function makeWhole(place: Place, calls: Pick<Calls, 'rename' | 'sync'>): Promise<void> {
  if (existsSync(place.live)) return;
  const stories = await Promise.all(
    (await besides(place)).map(async (path) => ({ path, story: await storyOf(path), oid: await identityOf(path) })),
  );
  const taken = stories
    .filter(({ story, oid }) => story?.replacedBy === place.run && story.oid === oid)
    .sort((a, b) => ((a.story?.at ?? '') < (b.story?.at ?? '') ? 1 : -1));
  const [latest] = taken;
  if (!latest) return;
  await calls.rename(latest.path, place.live);
  await calls.sync(dirname(place.live));
}

async function refuseOthers({ live }: Place, { live: was, copy, copyOid, replaced }: StandbyRecord): Promise<void> {
  const now = await identityOf(live);
  if (was.name !== live || now !== was.oid)
    throw fail(
      'DataRefused',
      `${live} is neither the folder that was copied (${was.name}, inode ${was.oid}) nor its copy (${copyOid}), but ${now}: nothing was done`,
    );
  const found = await identityOf(copy);
  if (found !== copyOid || !(await storyOf(copy)))
    throw fail('DataRefused', `the copy ${copy} (inode ${copyOid}) is gone or unfinished: restore a backup instead`);
  if (existsSync(replaced)) throw fail('DataRefused', `${replaced} is there already: rename it, then try again`);
}

/** After an exchange what was live has the copy's name: it gets its own. */
async function tidy({ live, beside }: Place, standby: StandbyRecord, calls: Calls): Promise<void> {
  const { copy, replaced, live: was } = standby;
  if (existsSync(copy) && (await identityOf(copy)) === was.oid && !existsSync(replaced))
    await calls.rename(copy, replaced);
  await calls.sync(dirname(live));
  await calls.sync(beside);
  if (!existsSync(copy)) await calls.forget(copy);
}
