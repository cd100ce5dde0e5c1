import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StandbyRecord, StoreBackup } from '../../../../src/activities/data/contract.js';
import { quoted } from '../../../../src/lib/shell-line.js';
import { canMount, smallDisk, type SmallDisk } from '../../../stack/small-disk.js';
import { makeTree } from '../files/tree.js';
import { makeApp, type App } from './app.js';

type Small = Pick<App, 'store' | 'context' | 'folder'> & { shown: () => string; spoil: () => void };

describe.skipIf(!canMount)('a full disk under a SQLite file', { timeout: 600_000 }, () => {
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
  });
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
      /main\.scratch\/app 1#\.db cannot be written: .*no space left on device/i,
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
      'main: way back',
      'main: room for the backup',
    ]);
  });

  it.each<[string, () => Promise<Small>]>([
    [
      'a SQLite file',
      async () => {
        const small = await makeApp({ at: disk.path });
        small.sql(`INSERT INTO tags (name, sound) VALUES ('large', randomblob(3000000))`);
        return { ...small, shown: () => small.dump(), spoil: () => small.sql('DELETE FROM jobs; DROP TABLE tags') };
      },
    ],
    [
      'a tree of files',
      async () => {
        const tree = makeTree(disk.path);
        tree.sh('head -c 3000000 /dev/urandom >large');
        return { ...tree, spoil: () => tree.sh('rm -r a; printf new >a') };
      },
    ],
  ])(
    'lets a second backup elsewhere stand for the copy of %s, told before, put back whole, also from a shell alone',
    async (_what, make) => {
      disk.leave(30);
      const { store, context: on, shown, spoil, folder: other } = await make();
      const folder = await mkdtemp(join(tmpdir(), 'slipway-elsewhere-'));
      const context = { ...on, folder, definition: { ...on.definition, backup: { directory: folder } } };
      const before = shown();
      disk.leave(5);
      const checks = await store.preflight(context);
      expect(checks.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
      expect(checks.find(({ name }) => name.endsWith('way back'))?.seen).toMatch(
        /^a second backup after the stop, proven: more downtime \(\d MB free in /,
      );
      expect((await store.downtime(context)).note).toMatch(
        /no copy can stand beside it .* adds about \d+ s of downtime/,
      );
      const record = await store.standby(context);
      expect(await store.standby(context)).toEqual(record);
      expect(await store.has(context, record)).toBe(true);
      expect((await store.kept(context)).length).toBe(0);

      spoil();
      const live = await store.live(context);
      const lines = ['set -eu', ...store.byHand(context, { ...record, live })];
      execFileSync('sh', ['-c', lines.join('\n')], { stdio: 'pipe' });
      expect(shown()).toBe(before);
      execFileSync('sh', ['-c', `rm -r ${quoted(live.name)}.before-hand-*`]);

      spoil();
      await store.swapIn(context, await store.restore(context, record.backup!.folder, record.backup!.stored));
      expect(shown()).toBe(before);
      await rm(folder, { recursive: true });
      await rm(join(other, '..'), { recursive: true });
    },
  );
});
