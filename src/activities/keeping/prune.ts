import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../errors.js';
import { markedChange } from '../../lib/change-mark.js';
import { appendDurably, syncFolder } from '../../lib/files.js';
import type { KeptThing } from '../../model.js';
import type { StepContext } from '../context.js';
import { stores } from '../data/lookup.js';
import { removeImage } from '../source/images/kept.js';
import { removeWorktree } from '../source/kept-worktrees.js';
import { isIntact } from './copy.js';
import { foldersIn } from './latest.js';
import { listKept, type Listed } from './list.js';
import { readManifest } from './manifest.js';
import { firstPlace, secondPlace } from './places.js';
import { lastProven } from './retention.js';

const prunedFile = 'manifest.pruned.json';

/**
 * Destroys of the named things those that retention, asked again just now, still does not keep; each is noted in `pruned.jsonl` first. A second
 * call does the rest. Throws Held while something is being changed.
 */
export async function prune(context: StepContext, names: string[], by: string): Promise<KeptThing[]> {
  const change = markedChange(context.home);
  if (change !== undefined) throw fail('Held', `nothing is removed while ${change}: try again afterwards`);
  const { listed } = await listKept(context);
  const due = listed.filter(({ thing }) => thing.stays === null && names.includes(thing.name));
  await refuseDamaged(context, listed, due);
  for (const one of due) {
    context.progress(`removing ${one.thing.name}`);
    const line = JSON.stringify({ removedAt: new Date().toISOString(), by, ...one.thing });
    await appendDurably(join(context.home, 'pruned.jsonl'), `${line}\n`);
    await destroy(context, one);
  }
  await removeHalfGone(context);
  return due.map(({ thing }) => thing);
}

/** What an earlier call was at when it was killed. */
async function removeHalfGone(context: StepContext): Promise<void> {
  for (const place of [firstPlace(context), secondPlace(context)])
    for (const id of place === undefined ? [] : await foldersIn(place)) {
      const folder = join(place!, id);
      if (existsSync(join(folder, prunedFile)) && !existsSync(join(folder, 'manifest.json'))) await remove(folder);
    }
}

async function destroy(context: StepContext, { thing, folder, kept }: Listed): Promise<void> {
  if (folder) return remove(folder);
  if (thing.is === 'image') return removeImage(context, thing.name);
  if (thing.is === 'worktree') return removeWorktree(context, thing.name);
  const store = stores(context.definition).find(({ name }) => name === kept?.store);
  if (store && kept) await store.discard(context, kept);
}

/**
 * What the list says of a backup it knows by the sizes of files: before others go, those that stay as the last ones are read. Throws BackupUnusable.
 */
async function refuseDamaged(context: StepContext, listed: Listed[], due: Listed[]): Promise<void> {
  if (!due.some(({ folder }) => folder)) return;
  for (const { thing, folder } of listed) {
    if (!folder || !thing.stays?.startsWith(lastProven)) continue;
    context.progress(`reading ${folder}`);
    const manifest = await readManifest(context, folder);
    if (!manifest || !(await isIntact(folder, manifest)))
      throw fail('BackupUnusable', `${folder} is not what was written, so nothing is removed: take another backup`);
  }
}

/** Its manifest loses its name first, and goes last: a folder that is half gone must not be taken for a backup, and is known by it to a later call. */
async function remove(folder: string): Promise<void> {
  const manifest = join(folder, 'manifest.json');
  if (existsSync(manifest)) await rename(manifest, join(folder, prunedFile));
  await syncFolder(folder);
  for (const name of await readdir(folder))
    if (name !== prunedFile) await rm(join(folder, name), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}
