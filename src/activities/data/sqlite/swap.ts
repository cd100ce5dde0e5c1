import { existsSync } from 'node:fs';
import { link, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../../../errors.js';
import { syncFolder } from '../../../lib/files.js';
import type { StepResult } from '../../../model.js';
import { identityOf, makeBeside, type Place } from '../beside/place.js';
import { besides, forget, storyOf, tell, type Story } from '../beside/story.js';
import type { StandbyRecord } from '../contract.js';
import { companionsOf } from './companions.js';

/** Every call by which a swap changes something. Tests end it before each of them. */
export interface Calls {
  /** Makes the live file whole by itself; false where it is so only with what lies beside it. */
  settle(file: string): Promise<boolean>;
  link: typeof link;
  rename: typeof rename;
  remove(path: string): Promise<void>;
  tell: typeof tell;
  forget: typeof forget;
  sync: typeof syncFolder;
}

export const realCalls: Omit<Calls, 'settle'> = {
  link,
  rename,
  remove: (path) => rm(path, { force: true }),
  tell,
  forget,
  sync: syncFolder,
};

/**
 * The copy becomes the live file by one rename, and the live one is kept under `standby.replaced`, with all that SQLite keeps beside it: at any
 * moment the live name is the whole old file or the whole new one. Identities decide what there is to do; a file that is neither the recorded
 * one nor the copy is left alone with DataRefused.
 */
export async function swapIn(place: Place, standby: StandbyRecord, calls: Calls): Promise<StepResult> {
  const { live } = place;
  const { copy, replaced, takenAt } = standby;
  await makeWhole(place, calls);
  if ((await identityOf(live)) === standby.copyOid) {
    await tidy(place, copy, calls);
    return { note: `${live} is the copy of ${takenAt} already; replaced: ${replaced}` };
  }
  await refuseOthers(place, standby);
  const startedAt = performance.now();
  await makeBeside(place);
  await calls.settle(live);
  const rest = await keep(place, standby, calls);
  for (const suffix of rest) await calls.remove(live + suffix);
  await calls.rename(copy, live);
  await tidy(place, copy, calls);
  const tookMs = Math.round(performance.now() - startedAt);
  return { note: `${live} is the copy of ${takenAt}; what it replaced is kept as ${replaced}`, data: { tookMs } };
}

/** A swap that had to take more than one file away, and was ended in the middle of it: the live file has all of its parts again. */
export async function makeWhole(place: Place, calls: Pick<Calls, 'link' | 'sync'>): Promise<void> {
  const { live } = place;
  for (const replaced of await besides(place)) {
    const parts = (await storyOf(replaced))?.parts;
    if (!parts || (await identityOf(replaced)) !== (await identityOf(live))) continue;
    const { size, mtimeMs } = await stat(live);
    // Whoever wrote it since has no use for the old parts, and would be harmed by them.
    if (size !== parts.size || mtimeMs !== parts.mtimeMs) continue;
    for (const suffix of parts.suffixes)
      if (!existsSync(live + suffix)) await calls.link(replaced + suffix, live + suffix);
    await calls.sync(dirname(live));
  }
}

async function refuseOthers({ live }: Place, { live: was, copy, copyOid, replaced }: StandbyRecord): Promise<void> {
  const now = await identityOf(live);
  if (was.name !== live)
    throw fail('DataRefused', `${live} is not the file that was copied (${was.name}): correct \`file\` or the link`);
  if (now !== was.oid)
    throw fail(
      'DataRefused',
      `${live} is neither the file that was copied (inode ${was.oid}) nor its copy (${copyOid}), but ${now}: nothing was done`,
    );
  const found = await identityOf(copy);
  if (found !== copyOid || !(await storyOf(copy)))
    throw fail(
      'DataRefused',
      `the copy ${copy} (inode ${copyOid}) is ${found === 'none' ? 'gone' : `now inode ${found}, or unfinished`}: restore a backup instead`,
    );
  const kept = await identityOf(replaced);
  if (kept !== 'none' && kept !== now)
    throw fail('DataRefused', `a file ${replaced} is there already: rename it, then try again`);
}

/** The live file and what lies beside it under the replaced one's name, too. Gives what has to be taken away before the rename. */
async function keep({ live, beside, run }: Place, { replaced }: StandbyRecord, calls: Calls): Promise<string[]> {
  const rest = companionsOf(live);
  const oid = await identityOf(live);
  if (oid === 'none') return rest;
  for (const suffix of ['', ...rest]) {
    const [from, to] = [live + suffix, replaced + suffix];
    if ((await identityOf(to)) === (await identityOf(from))) continue;
    await calls.remove(to);
    await calls.link(from, to);
  }
  const { size, mtimeMs } = await stat(live);
  const story: Story = { run, of: live, oid, at: new Date().toISOString(), replacedBy: run };
  await calls.tell(replaced, rest.length > 0 ? { ...story, parts: { suffixes: rest, size, mtimeMs } } : story);
  await calls.sync(beside);
  return rest;
}

async function tidy({ live, beside }: Place, copy: string, calls: Calls): Promise<void> {
  const gone = !existsSync(copy);
  for (const suffix of gone ? companionsOf(copy) : [])
    if (!existsSync(live + suffix)) await calls.rename(copy + suffix, live + suffix);
  await calls.sync(dirname(live));
  await calls.sync(beside);
  // Of a copy that is the live file now. After a swap was taken back, what was live stands under that name, with a story of its own.
  if (gone) await calls.forget(copy);
}
