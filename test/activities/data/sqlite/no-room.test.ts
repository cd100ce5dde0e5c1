import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StandbyRecord, StoreBackup } from '../../../../src/activities/data/contract.js';
import { canMount, smallDisk, type SmallDisk } from '../../../stack/small-disk.js';
import { makeApp, type App } from './app.js';

describe.skipIf(!canMount)('a full disk under a SQLite file', { timeout: 60_000 }, () => {
  let disk: SmallDisk;
  let app: App;
  let backup: StoreBackup;
  let standby: StandbyRecord;
  let dump: string;
  beforeAll(async () => {
    disk = smallDisk(60);
    app = await makeApp({ at: disk.path });
    app.sql(`INSERT INTO tags (name, sound) VALUES ('large', randomblob(3000000))`);
    dump = app.dump();
    backup = await app.store.backup(app.context, app.folder);
    standby = await app.store.standby(app.context);
  }, 60_000);
  afterAll(() => disk.remove());

  /** The first backup serves, the copy is there, the live file is as it was, and nothing else is left. */
  async function expectWhole(): Promise<void> {
    disk.leave(30);
    await app.store.prove(app.context, app.folder, backup);
    expect(await app.store.has(app.context, standby)).toBe(true);
    expect(app.dump()).toBe(dump);
    expect((await app.store.kept(app.context)).map(({ is }) => is)).toEqual(['standby']);
  }

  it.each<[string, RegExp, (folder: string) => Promise<unknown>]>([
    [
      'the backup',
      /other\/main\.sqlite cannot be written: .*no space left on device/i,
      (folder) => app.store.backup(app.context, folder),
    ],
    [
      'the proof',
      /plain\/main\.proof\.sqlite cannot be written: .*no space left on device/i,
      () => app.store.prove(app.context, app.folder, backup),
    ],
    [
      'a scratch file',
      /main\.sqlite cannot be written: .*no space left on device/i,
      () => app.store.scratch(app.context, app.folder, backup),
    ],
    [
      'another copy',
      /\.slipway\/app 1#\.db\.s-.*\.part cannot be written: .*no space left on device/i,
      () => app.store.standby(app.step('20260106T120000Z-abc124')),
    ],
    [
      'a restore beside the live file',
      /\.slipway\/app 1#\.db\.s-.*\.part cannot be written: .*no space left on device/i,
      () => app.store.restore(app.context, app.folder, backup),
    ],
  ])('ends %s safely, naming the file that had no room', async (_what, message, act) => {
    const folder = join(app.folder, '..', 'other');
    await mkdir(folder, { recursive: true });
    disk.leave(2);
    await expect(act(folder)).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual([]);
    await expectWhole();
  });

  it('does not hinder the swap, which writes next to nothing', async () => {
    app.sql('DELETE FROM jobs');
    disk.leave(1);
    await app.store.swapIn(app.context, standby);
    expect(app.dump()).toBe(dump);
  });

  it('is told by preflight', async () => {
    disk.leave(4);
    const seen = await app.store.preflight(app.context);
    expect(seen.filter(({ outcome }) => outcome === 'fail').map(({ name }) => name)).toEqual([
      'main: room for copies',
      'main: room for the backup',
    ]);
  });
});
