import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOf } from '../../../../src/activities/data/beside/place.js';
import { settle } from '../../../../src/activities/data/sqlite/companions.js';
import { makeWhole, realCalls, swapIn, type Calls } from '../../../../src/activities/data/sqlite/swap.js';
import type { StandbyRecord } from '../../../../src/activities/data/contract.js';
import { reversed } from '../../../../src/activities/records.js';
import { makeApp, type App } from './app.js';

const release = `INSERT INTO jobs (name) VALUES ('by the release'); ALTER TABLE tags RENAME TO labels; DELETE FROM jobs WHERE id < 2000`;

describe('putting a SQLite file back', () => {
  let app: App;
  let before: string;
  let standby: StandbyRecord;
  beforeEach(async () => {
    app = await makeApp();
    // A log that an application left when it died belongs to the state that is kept.
    app.crash(`INSERT INTO jobs (name) VALUES ('in the log alone')`);
    standby = await app.store.standby(app.context);
    before = app.dump();
    expect(before).toMatch(/in the log alone/);
  });
  afterEach(() => app.close());

  /** What cannot be made one file of stays as it is, and is kept as that when the copy of before takes its place. */
  const refusesToCopy = async (torn: Buffer[]) => {
    await expect(app.store.standby(app.step('20260107T120000Z-abc125'))).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining('cannot be read as a whole') as string,
    });
    expect(await parts(app.file)).toEqual(torn);
    await app.store.swapIn(app.context, standby);
    expect(app.dump()).toBe(before);
    expect(await parts(standby.replaced)).toEqual(torn);
  };

  it('gives exactly what was there, and keeps what it replaced', async () => {
    app.sql(release);
    const after = app.dump();
    await app.store.swapIn(app.context, standby);
    expect(app.dump()).toBe(before);
    expect(app.dump(standby.replaced)).toBe(after);
    expect((await app.store.swapIn(app.context, standby)).note).toMatch(/already/);
    expect(await app.store.has(app.context, standby)).toBe(false);
    expect(await app.store.kept(app.context)).toMatchObject([
      { is: 'replaced', name: standby.replaced, run: app.context.run.id },
    ]);
  });

  it('can be taken back, and done again: each time the other one is kept', async () => {
    app.sql(release);
    const after = app.dump();
    await app.store.swapIn(app.context, standby);
    const back = reversed(standby);
    await app.store.swapIn(app.context, back);
    expect(app.dump()).toBe(after);
    expect(app.dump(back.replaced)).toBe(before);
    await app.store.swapIn(app.context, reversed(back));
    expect(app.dump()).toBe(before);
    expect((await app.store.kept(app.context)).map(({ is }) => is)).toEqual(['replaced']);
  });

  it('is not undone by a log that the release left beside the file', async () => {
    app.crash(release);
    expect((await stat(`${app.file}-wal`)).size).toBeGreaterThan(0);
    expect(existsSync(`${app.file}-shm`)).toBe(true);
    await app.store.swapIn(app.context, standby);
    expect(['-wal', '-shm'].filter((suffix) => existsSync(app.file + suffix))).toEqual([]);
    expect(app.dump()).toBe(before);
    expect(app.dump(standby.replaced)).toMatch(/by the release/);
  });

  it('takes a file that is no database any more away as it is, with all that lies beside it', async () => {
    await spoil(app.file);
    await writeFile(`${app.file}-shm`, 'junk');
    await app.store.swapIn(app.context, standby);
    expect(existsSync(`${app.file}-shm`)).toBe(false);
    expect(existsSync(`${standby.replaced}-shm`)).toBe(true);
    expect(app.dump()).toBe(before);
    expect(await sizes(standby.replaced)).toEqual([24, 4]);
    await app.store.swapIn(app.context, reversed(standby));
    expect(await sizes(app.file)).toEqual([24, 4]);
  });

  it('never makes one file of it and the log of another moment, which SQLite would play in', async () => {
    const whole = await readFile(app.file);
    app.sql(`DELETE FROM jobs WHERE id < 2000`);
    app.crash(`UPDATE jobs SET tag = NULL WHERE id = 2000`);
    await writeFile(app.file, whole);
    const torn = await parts(app.file);
    expect(torn[1]!.length).toBeGreaterThan(0);
    const other = app.step('20260107T120000Z-abc125');
    const proven = app.store.backup(other, app.folder).then((taken) => app.store.prove(other, app.folder, taken));
    await expect(proven).rejects.toThrow(/malformed|damaged/);
    await refusesToCopy(torn);
  });

  it.each<[string, (app: App) => Promise<void>]>([
    [
      'an earlier file, the log of a later state',
      async (one) => {
        const whole = await readFile(one.file);
        one.sql(`PRAGMA user_version = 8; UPDATE jobs SET name = 'lost' WHERE id = 1`);
        one.crash(`PRAGMA user_version = 9; UPDATE tags SET sound = x'01'`);
        await writeFile(one.file, whole);
      },
    ],
    [
      'a later file, the log of an earlier state',
      async (one) => {
        one.crash(`PRAGMA user_version = 8; UPDATE jobs SET name = 'earlier' WHERE id = 1`);
        const log = await readFile(`${one.file}-wal`);
        one.sql(`PRAGMA user_version = 9; PRAGMA user_version = 10; UPDATE jobs SET name = 'later' WHERE id = 1`);
        await writeFile(`${one.file}-wal`, log);
      },
    ],
  ])('nor of a pair that SQLite finds sound, and makes one of without a word: %s', async (_what, tear) => {
    await tear(app);
    const torn = await parts(app.file);
    const played = join(app.folder, 'played.db');
    for (const [index, suffix] of ['', '-wal'].entries()) await writeFile(played + suffix, torn[index]!);
    const script = `PRAGMA integrity_check; SELECT name FROM jobs WHERE id = 1`;
    const silent = execFileSync('sqlite3', [played, script], { encoding: 'utf8' });
    expect(silent).toMatch(/^ok\n(job 1|earlier)\n$/);
    await refusesToCopy(torn);
  });

  it('takes every log that an application left for its own', () => {
    const [program, logs] = ['../../../../src/activities/data/sqlite/sqlite.py', './logs.py'].map((path) =>
      fileURLToPath(new URL(path, import.meta.url)),
    );
    const told = execFileSync('python3', [logs!, program!, String(randomInt(2 ** 31)), '5'], { encoding: 'utf8' });
    const [own = 0, refused, strange = 0, found = 0] = told.split(' ').map(Number);
    expect(own).toBeGreaterThan(100);
    expect(refused, told).toBe(0);
    // Where no first page was written in between, nothing tells the one log from the other.
    expect(found).toBeGreaterThan(strange / 4);
  });

  it('brings what it keeps to the disk before the copy takes the name, and then that', async () => {
    const place = await placeOf('main', app.context.run.id, app.file);
    const { live, beside } = place;
    const words = {
      [live]: 'live',
      [dirname(live)]: 'its folder',
      [standby.copy]: 'copy',
      [standby.replaced]: 'kept',
      [beside]: 'their folder',
    };
    const made: string[] = [];
    const note = (name: string, args: unknown[]) =>
      void made.push([name, ...args.flatMap((one) => (typeof one === 'string' ? [words[one] ?? one] : []))].join(' '));
    await swapIn(place, standby, watched(app, note));
    expect(made).toEqual([
      'settle live',
      'remove kept',
      'link live kept',
      'tell kept',
      'sync their folder',
      'rename copy live',
      'sync its folder',
      'sync their folder',
      'forget copy',
    ]);
  });

  it('finds its copy again, and makes an unfinished one anew', async () => {
    expect(await app.store.standby(app.context)).toEqual(standby);
    await rename(`${standby.copy}.json`, `${standby.copy}.json.lost`);
    expect((await app.store.kept(app.context)).map(({ is }) => is)).toEqual(['scratch']);
    const again = await app.store.standby(app.context);
    expect(again).toMatchObject({ copy: standby.copy, replaced: standby.replaced });
    expect(app.dump(again.copy)).toBe(before);
  });

  it('keeps owner and mode', async () => {
    await chmod(app.file, 0o660);
    if (process.getuid?.() === 0) await chown(app.file, 1234, 2345);
    const { uid, gid } = await stat(app.file);
    const step = app.step('20260106T120000Z-abc124');
    const taken = await app.store.backup(step, app.folder);
    for (const made of [await app.store.standby(step), await app.store.restore(step, app.folder, taken)])
      expect(await stat(made.copy)).toMatchObject({ uid, gid, mode: 0o100660 });
  });

  it('restores from a proven backup where the copy is gone', async () => {
    const taken = await app.store.backup(app.context, app.folder);
    await app.store.discard(app.context, (await app.store.kept(app.context))[0]!);
    expect(await app.store.has(app.context, standby)).toBe(false);
    app.sql(release);
    const restored = await app.store.restore(app.context, app.folder, taken);
    expect(await app.store.restore(app.context, app.folder, taken)).toEqual(restored);
    await app.store.swapIn(app.context, restored);
    expect(app.dump()).toBe(before);
  });

  it('is refused while somebody has the file open, for the copy as for the swap', async () => {
    const writer = await app.writer();
    try {
      await expect(app.store.swapIn(app.context, standby)).rejects.toThrow(
        /python3.* \(pid \d+\) has .*app 1#\.db.* open/,
      );
      await expect(app.store.standby(app.step('20260107T120000Z-abc125'))).rejects.toMatchObject({
        type: 'NotStopped',
      });
    } finally {
      writer.kill('SIGKILL');
    }
  });

  it('touches neither a file that is another one, nor a copy that is another one', async () => {
    await rename(standby.copy, `${standby.copy}.mine`);
    await writeFile(standby.copy, 'mine');
    await expect(app.store.swapIn(app.context, standby)).rejects.toThrow(/the copy .* is now inode \d+/);
    await rename(`${standby.copy}.mine`, standby.copy);
    await rename(app.file, `${app.file}.mine`);
    await writeFile(app.file, 'mine');
    await expect(app.store.swapIn(app.context, standby)).rejects.toMatchObject({ type: 'DataRefused' });
    expect((await stat(app.file)).size).toBe(4);
  });

  it('works from a shell alone, twice', async () => {
    app.crash(release);
    const lines = ['set -eu', ...app.store.byHand(app.context, standby)].join('\n');
    for (const _ of [1, 2]) execFileSync('sh', ['-c', lines], { cwd: '/' });
    expect(app.dump()).toBe(before);
    expect(app.dump(standby.replaced)).toMatch(/by the release/);
    const [file] = await readdir(dirname(app.file));
    await writeFile(join(dirname(app.file), 'other'), '');
    await rename(join(dirname(app.file), 'other'), app.file);
    expect(() => execFileSync('sh', ['-c', lines], { stdio: 'ignore' }), file).toThrow();
  });

  it.each<[string, (app: App) => Promise<unknown>]>([
    ['a log that was left', async (one) => one.crash(release)],
    ['a file that is no database any more', (one) => spoil(one.file)],
  ])('ended before any of its calls, with %s, ends whole when it is called again', async (_what, harm) => {
    for (let calls = 0; ; calls++) {
      const one = await makeApp();
      const kept = await one.store.standby(one.context);
      const whole = await readFile(one.file);
      await harm(one);
      const changed = Buffer.concat(await parts(one.file));
      const place = await placeOf('main', one.context.run.id, one.file);
      const killed = await swapIn(place, kept, killedAt(calls, one)).then(
        () => false,
        (error: Error) => {
          if (!error.message.startsWith('killed')) throw error;
          return true;
        },
      );
      // A new worker opens what was left, before anything reads it: it is all of the one or all of the other.
      await makeWhole(place, realCalls);
      const now = Buffer.concat(await parts(one.file));
      const isNew = now.equals(whole);
      expect(isNew || now.equals(changed) || now.includes('by the release'), `killed before call ${calls}`).toBe(true);
      await one.store.swapIn(one.context, kept);
      expect(await parts(one.file)).toEqual([whole, Buffer.alloc(0)]);
      const replaced = Buffer.concat(await parts(kept.replaced));
      expect(replaced.equals(changed) || replaced.includes('by the release')).toBe(true);
      expect((await one.store.kept(one.context)).map(({ is }) => is)).toEqual(['replaced']);
      one.close();
      if (!killed) return expect(calls).toBeGreaterThan(6);
    }
  });
});

/** What stands under a file's name, and what of its log. */
async function parts(file: string): Promise<Buffer[]> {
  return Promise.all(['', '-wal'].map((suffix) => readFile(file + suffix).catch(() => Buffer.alloc(0))));
}

const sizes = async (file: string) => (await parts(file)).map(({ length }) => length);

/** As a disk or a mistake does: SQLite makes nothing of it any more. */
async function spoil(file: string): Promise<void> {
  await writeFile(file, 'overwritten by a mistake');
  await writeFile(`${file}-wal`, 'junk');
}

/** Real calls, of which the one with that number, and all after it, never happen. */
function killedAt(last: number, app: App): Calls {
  let made = 0;
  return watched(app, (name) => {
    if (made++ >= last) throw new Error(`killed before ${name}`);
  });
}

/** Real calls, each of them told of before it is made. */
function watched(app: App, before: (name: string, args: unknown[]) => void): Calls {
  const calls: Calls = { ...realCalls, settle: (file) => settle(app.context, file) };
  return Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [
      name,
      async (...args: never[]) => {
        before(name, args);
        return (call as (...args: never[]) => unknown)(...args);
      },
    ]),
  ) as unknown as Calls;
}
