import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOf } from '../../../../src/activities/data/beside/place.js';
import { exchange } from '../../../../src/activities/data/files/program.js';
import { makeWhole, realCalls, swapIn, type Calls } from '../../../../src/activities/data/files/swap.js';
import { temporaries } from '../../../../src/lib/files.js';
import { ownName } from '../../../../src/lib/own-name.js';
import { reversed } from '../../../../src/activities/records.js';
import { canMount, smallDisk } from '../../../stack/small-disk.js';
import { makeTree, type Tree } from './tree.js';

const release = `rm a/1; printf changed >'a/b/it is 2, "quoted"'; printf new >added; mkdir more; chmod 0777 empty`;

describe('a tree of files', () => {
  let tree: Tree;
  let before: string;
  beforeEach(() => {
    tree = makeTree();
    before = tree.shown();
  });
  afterEach(() => tree.close());

  it('is backed up as one archive with a line for each entry, proven, and put back from it', async () => {
    const { store, context, folder } = tree;
    tree.mark();
    const [before, marks] = [tree.shown(), tree.marks()];
    const backup = await store.backup(context, folder);
    expect(await readdir(folder)).toEqual(['files-storage.tar']);
    expect(backup).toMatchObject({
      kind: 'files',
      store: 'files:storage',
      contents: { tables: { files: { rows: 5 } } },
    });
    expect((await store.prove(context, folder, backup)).note).toMatch(
      /files-storage\.tar restored and found equal: 5 files/,
    );
    expect(await readdir(join(context.folder, 'plain'))).toEqual([]);
    tree.sh(release);
    const record = await store.restore(context, folder, backup);
    expect(await store.restore(context, folder, backup)).toEqual(record);
    await store.swapIn(context, record);
    expect([tree.shown(), tree.marks()]).toEqual([before, marks]);
  });

  it('comes back exactly from its copy, without what was added; what it replaces is kept, comes back too, and goes again', async () => {
    const { store, context } = tree;
    tree.mark();
    const [before, marks] = [tree.shown(), tree.marks()];
    const standby = await store.standby(context);
    expect(await store.standby(context)).toEqual(standby);
    tree.sh(release);
    const after = tree.shown();
    await store.swapIn(context, standby);
    expect(tree.shown()).toBe(before);
    expect(tree.shown(standby.replaced)).toBe(after);
    expect((await store.swapIn(context, standby)).note).toMatch(/already/);
    const back = reversed(standby);
    await store.swapIn(context, back);
    expect(tree.shown()).toBe(after);
    await store.swapIn(context, reversed(back));
    expect([tree.shown(), tree.marks()]).toEqual([before, marks]);
    const [kept, ...more] = await store.kept(context);
    expect([kept, more]).toMatchObject([{ is: 'replaced', run: context.run.id }, []]);
    await store.discard(context, kept!);
    expect(await store.kept(context)).toEqual([]);
  });

  it('is freed of what a killed worker was writing beside it, and of nothing that another one is', async () => {
    const { live, store, context } = tree;
    const beside = join(dirname(live), '.slipway');
    await mkdir(beside);
    const [dead, alive] = [`${temporaries}4194304-1-1`, ownName(temporaries)];
    for (const name of [dead, alive]) await writeFile(join(beside, name), '');
    await store.standby(context);
    const names = await readdir(beside);
    expect([names.includes(dead), names.includes(alive)]).toEqual([false, true]);
  });

  it('follows no link out of itself: what that names is neither stored, copied nor put back', async () => {
    const { live, store, context, folder } = tree;
    const outside = join(dirname(live), 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'mine'), 'before');
    tree.sh('ln -s ../outside out');
    const backup = await store.backup(context, folder);
    expect(backup.catalog.entries?.filter((line) => line.includes('mine'))).toEqual([]);
    const standby = await store.standby(context);
    await writeFile(join(outside, 'mine'), 'after');
    await store.swapIn(context, standby);
    await store.swapIn(context, await store.restore(context, folder, backup));
    expect(await readlink(join(live, 'out'))).toBe('../outside');
    expect(await readFile(join(outside, 'mine'), 'utf8')).toBe('after');
  });

  it('tells how many files were written since', async () => {
    const since = await tree.store.counters(tree.context);
    expect(await tree.store.written(tree.context, since)).toEqual({});
    tree.sh('printf a >one; printf b >two');
    expect(await tree.store.written(tree.context, since)).toEqual({ files: 2 });
  });

  it.each<[string, RegExp, (folder: string, tree: Tree) => void]>([
    [
      'a content',
      /missing \["a\/1", "file", 3,/,
      (folder) => execFileSync('sh', ['-c', 'printf ONE >a/1'], { cwd: folder }),
    ],
    ['a mode', /missing \["zeros"/, (folder) => execFileSync('chmod', ['600', 'zeros'], { cwd: folder })],
    ['a file more', /unexpected \["more"/, (folder) => execFileSync('touch', ['more'], { cwd: folder })],
    [
      'a link',
      /missing \["a\/link", "link"/,
      (folder) => execFileSync('ln', ['-sfn', '/etc', 'a/link'], { cwd: folder }),
    ],
  ])('is found unequal to its manifest by %s', async (_what, message, change) => {
    const { store, context, folder } = tree;
    const backup = await store.backup(context, folder);
    change(tree.live, tree);
    const other = await store.backup(context, folder);
    await expect(store.prove(context, folder, { ...other, catalog: backup.catalog })).rejects.toThrow(message);
    expect(await readdir(join(context.folder, 'plain'))).toEqual([]);
  });

  it('is refused where it is not there, no folder, or another one than was recorded', async () => {
    const { store, context, folder, live } = tree;
    const standby = await store.standby(context);
    await rename(live, `${live}.mine`);
    expect((await store.preflight(context))[0]).toMatchObject({ outcome: 'fail', seen: 'not there' });
    await expect(store.backup(context, folder)).rejects.toThrow(
      /storage is not there: make it, or correct files\.keep/,
    );
    await writeFile(live, '');
    expect((await store.preflight(context))[0]).toMatchObject({ outcome: 'fail', seen: 'a file' });
    await rm(live);
    await mkdir(live);
    await expect(store.swapIn(context, standby)).rejects.toMatchObject({ type: 'DataRefused' });
    expect((await store.preflight(context)).map(({ outcome }) => outcome)).toEqual(Array(5).fill('pass'));
  });

  it('is swapped from a shell alone, twice', async () => {
    const standby = await tree.store.standby(tree.context);
    tree.sh(release);
    for (const _ of [1, 2])
      execFileSync('sh', ['-c', ['set -eu', ...tree.store.byHand(tree.context, standby)].join('\n')], { cwd: '/' });
    expect(tree.shown()).toBe(before);
    expect(existsSync(join(standby.replaced, 'added'))).toBe(true);
  });

  it.each([
    ['that can exchange two names', true],
    ['that cannot', false],
  ])('ends whole when its swap was ended before any call, on a filesystem %s', async (_what, can) => {
    for (let calls = 0; ; calls++) {
      const one = makeTree();
      const kept = await one.store.standby(one.context);
      one.sh(release);
      const [whole, changed] = [one.shown(kept.copy), one.shown()];
      const place = await placeOf('files:storage', one.context.run.id, one.live);
      const killed = await swapIn(place, kept, killedAt(calls, one, can)).then(
        () => false,
        (error: Error) => {
          if (!error.message.startsWith('killed')) throw error;
          return true;
        },
      );
      await makeWhole(place, realCalls);
      expect([whole, changed], `killed before call ${calls}`).toContain(one.shown());
      await one.store.swapIn(one.context, kept);
      expect(one.shown(), `killed before call ${calls}`).toBe(whole);
      expect(one.shown(kept.replaced)).toBe(changed);
      expect((await one.store.kept(one.context)).map(({ is }) => is)).toEqual(['replaced']);
      one.close();
      if (!killed) return expect(calls).toBeGreaterThan(4);
    }
  });

  it.skipIf(!canMount)(
    'is safe on a disk that is full: the file that had no room is named, nothing is left, and a mounted disk is told',
    async () => {
      const disk = smallDisk(20);
      const small = makeTree(disk.path);
      try {
        small.sh('head -c 3000000 /dev/urandom >large');
        const whole = small.shown();
        const backup = await small.store.backup(small.context, small.folder);
        disk.leave(1);
        await expect(small.store.standby(small.context)).rejects.toThrow(
          /\.slipway\/storage\.s-.*\.part cannot be written: .*No space left/,
        );
        await expect(small.store.prove(small.context, small.folder, backup)).rejects.toThrow(
          /cannot be unpacked into .*No space left/,
        );
        const other = join(dirname(small.folder), 'other');
        await mkdir(other);
        await expect(small.store.backup(small.context, other)).rejects.toThrow(
          /other\/files-storage\.tar cannot be written/,
        );
        expect(await readdir(other)).toEqual([]);
        disk.leave(10);
        await small.store.prove(small.context, small.folder, backup);
        expect(await small.store.kept(small.context)).toEqual([]);
        expect(small.shown()).toBe(whole);
      } finally {
        disk.remove();
      }
    },
  );
});

/** Real calls, of which the one with that number, and all after it, never happen. */
function killedAt(last: number, tree: Tree, can: boolean): Calls {
  let made = 0;
  const calls: Calls = { ...realCalls, exchange: async (one, other) => can && exchange(tree.context, one, other) };
  return Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [
      name,
      async (...args: never[]) => {
        if (made++ >= last) throw new Error(`killed before ${name}`);
        return (call as (...args: never[]) => unknown)(...args);
      },
    ]),
  ) as unknown as Calls;
}
