import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { backup } from '../../../src/activities/backup.js';
import { stores } from '../../../src/activities/data/lookup.js';
import { listKept } from '../../../src/activities/keeping/list.js';
import { findManifest } from '../../../src/activities/keeping/manifest.js';
import { backupFolder } from '../../../src/activities/keeping/places.js';
import { prune } from '../../../src/activities/keeping/prune.js';
import { swapAll } from '../../../src/activities/recovery-point.js';
import type { Step } from '../../../src/activities/step.js';
import { appendEvidence } from '../../../src/lib/evidence.js';
import { makeLive, type Live } from '../../faults/corrupted-live.js';
import { definitionOf, stepContext } from '../step-context.js';

let live: Live;
beforeAll(async () => {
  live = await makeLive('sqlite and files');
  await mkdir(join(live.folder, 'second'));
});
afterAll(() => live.close());

it('a SQLite file and a tree of files are copied to the second place, come back from there, and go by the rules of retention with their copies', async () => {
  const before = await live.shown();
  for (const id of ['r1', 'r2', 'r3']) {
    const step = stepOf(id);
    expect((await backup(step)).note).toContain(`copied to ${join(live.folder, 'second/shop/test', id)}`);
    for (const entry of ['resolve', 'end']) await appendEvidence(step.folder, { id: entry, kind: entry, data: {} });
  }
  const first = stepOf('r1');
  for (const store of stores(first.definition)) await store.standby(first);
  await live.change();
  const changed = await live.shown();

  const look = stepOf('look');
  const due = (await listKept(look)).listed.filter(({ thing }) => thing.stays === null).map(({ thing }) => thing);
  expect(due.map(({ is, run }) => `${is} ${run}`).sort()).toEqual([
    'backup r1',
    'backup r2',
    'copy r1',
    'copy r2',
    'standby r1',
    'standby r1',
  ]);
  const names = due.map(({ name }) => name);
  // The list knows files by their sizes; before the others go, the last ones are read.
  for (const place of ['backups', 'second/shop/test']) {
    const last = join(live.folder, place, 'r3', 'shop.sqlite');
    await flip(last);
    await expect(prune(look, names, 'ann')).rejects.toMatchObject({
      type: 'BackupUnusable',
      message: expect.stringMatching(/\/r3 is not what was written, so nothing is removed/) as string,
    });
    await flip(last);
  }
  expect(await readdir(join(live.folder, 'backups'))).toEqual(['r1', 'r2', 'r3']);
  // Killed after its first call on a folder, and called again.
  const half = join(live.folder, 'second/shop/test/r2');
  await rename(join(half, 'manifest.json'), join(half, 'manifest.pruned.json'));
  expect(await prune(look, names, 'ann')).toHaveLength(5);
  expect(await readdir(join(live.folder, 'backups'))).toEqual(['r3']);
  expect(await readdir(join(live.folder, 'second/shop/test'))).toEqual(['r3']);
  expect((await Promise.all(stores(look.definition).map((store) => store.kept(look)))).flat()).toEqual([]);
  expect(await live.shown()).toBe(changed);

  // The first place is lost.
  const manifest = (await findManifest(look, 'r3'))!;
  const folder = backupFolder(look, 'r3');
  for (const { file } of manifest.stores) await rm(join(folder, file));
  const all = stores(look.definition);
  const records = [];
  for (const store of all) records.push(await store.restore(look, folder, manifest.stores.find((one) => one.store === store.name)!)); // prettier-ignore
  await swapAll(look, all, records);
  expect(await live.shown()).toBe(before);
  const replaced = async () =>
    (await listKept(look)).listed.flatMap(({ thing }) => (thing.is === 'replaced' ? [thing] : []));
  // Of a run that is open, they are what it would take back.
  const why = 'its run did not end';
  expect(await replaced()).toMatchObject([
    { run: 'look', bytes: expect.any(Number) as number, stays: why },
    { run: 'look', bytes: null, stays: why },
  ]);
  for (const entry of ['resolve', 'end']) await appendEvidence(look.folder, { id: entry, kind: entry, data: {} });
  expect((await replaced()).map(({ stays }) => stays)).toEqual([null, null]);
  expect(existsSync(join(folder, manifest.stores[0]!.file))).toBe(false);
}, 600_000);

/** One bit in the middle, which leaves the size; a second time it is as before. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = bytes[at]! ^ 1;
  await writeFile(path, bytes);
}

function stepOf(id: string): Step {
  const kept = { copy_to: join(live.folder, 'second'), keep: { count: 1 } };
  const definition = definitionOf(live.directory, { ...live.parts, backup: kept });
  const context = stepContext({ definition, folder: join(live.folder, 'runs', id), home: live.folder });
  return { ...context, run: { ...context.run, id }, pinned: { live: null } as Step['pinned'] };
}
