import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoreBackup } from '../../../../src/activities/data/contract.js';
import { openByHand } from '../../../../src/activities/data/seal.js';
import { sha256File } from '../../../../src/lib/files.js';
import { makeApp, type App } from './app.js';

describe('a SQLite file', () => {
  let app: App;
  let backup: StoreBackup;
  beforeAll(async () => {
    app = await makeApp();
    backup = await app.store.backup(app.context, app.folder);
  });
  afterAll(() => app.close());

  it('is backed up as a database of its own, described in full, and proven by a restore', async () => {
    expect(await readdir(app.folder)).toEqual(['main.sqlite']);
    expect(app.dump(join(app.folder, 'main.sqlite'))).toBe(app.dump());
    expect(backup).toMatchObject({
      kind: 'sqlite',
      contents: { tables: { jobs: { rows: 2990 }, bad_text: { rows: 3 }, sqlite_sequence: { rows: 1 } } },
    });
    expect(backup.catalog).toMatchObject({
      'broken foreign keys': ['jobs: 2990'],
      settings: ['user_version = 7', 'application_id = 42', 'encoding = UTF-8', 'page_size = 4096', 'auto_vacuum = 0'],
    });
    const { note } = await app.store.prove(app.context, app.folder, backup);
    expect(note).toMatch(/main\.sqlite restored and found equal: \d+ tables, \d+ rows/);
    expect(await readdir(join(app.context.folder, 'plain'))).toEqual([]);
  });

  it('is one moment of a file that is being written: what was committed before the backup is in it, and nothing is torn', async () => {
    const writer = await app.writer();
    try {
      for (let round = 0; round < 3; round++) {
        const folder = join(app.folder, '..', `beside-${round}`);
        await mkdir(folder);
        const before = Number(
          (await app.store.rows(app.context, 'SELECT count(*) AS n FROM jobs'))[0]?.match(/\d+/)?.[0],
        );
        const taken = await app.store.backup(app.context, folder);
        expect(taken.contents.tables.jobs?.rows).toBeGreaterThanOrEqual(before);
        await app.store.prove(app.context, folder, taken);
      }
    } finally {
      writer.kill('SIGKILL');
    }
  });

  it('is an empty database where it is not there yet', async () => {
    const fresh = await makeApp();
    await rm(dirname(fresh.file), { recursive: true });
    await mkdir(dirname(fresh.file));
    const empty = await fresh.store.backup(fresh.context, fresh.folder);
    expect(empty).toMatchObject({ bytes: 0, contents: { tables: {} } });
    await fresh.store.prove(fresh.context, fresh.folder, empty);
    const standby = await fresh.store.standby(fresh.context);
    expect(existsSync(fresh.file)).toBe(false);
    fresh.sql('CREATE TABLE made_by_the_release (id)');
    await fresh.store.swapIn(fresh.context, { ...standby, live: await fresh.store.live(fresh.context) });
    expect(await fresh.store.counters(fresh.context)).toEqual({});
    fresh.close();
  });

  it('tells what was written since its counters were noted, by table, with what was only changed', async () => {
    const since = await app.store.counters(app.context);
    expect(await app.store.written(app.context, since)).toEqual({});
    app.sql(
      `INSERT INTO jobs (name) VALUES ('a'), ('b'); UPDATE tags SET sound = x'01' WHERE name = ''; CREATE TABLE more AS SELECT 1 AS one`,
    );
    expect(await app.store.written(app.context, since)).toEqual({ jobs: 2, tags: 1, more: 1 });
    expect(await app.store.written(app.context, null)).toBeNull();
  });

  it('is restored into a scratch file that the caller works with, and that is gone afterwards', async () => {
    const scratch = await app.store.scratch(app.context, app.folder, backup);
    execFileSync('python3', [
      '-c',
      'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute("DELETE FROM jobs"); c.commit()',
      scratch.url,
    ]);
    await scratch.drop();
    expect(existsSync(dirname(scratch.url))).toBe(false);
    await app.store.prove(app.context, app.folder, backup);
  });

  it('is sealed where the definition says so: the stored file is what is proven and restored, and a person opens it', async () => {
    const variables = join(app.folder, '..', 'env');
    await writeFile(variables, 'BACKUP_PASSPHRASE=correct horse battery staple\n');
    const sealed = await makeApp({ env: variables, backup: { encrypt: { passphrase: '$BACKUP_PASSPHRASE' } } });
    const taken = await sealed.store.backup(sealed.context, sealed.folder);
    expect(await readdir(sealed.folder)).toEqual(['main.sqlite.enc']);
    await sealed.store.prove(sealed.context, sealed.folder, taken);
    const record = await sealed.store.restore(sealed.context, sealed.folder, taken);
    expect(sealed.dump(record.copy)).toBe(sealed.dump());
    expect(await readdir(join(sealed.context.folder, 'plain'))).toEqual([]);
    const typed = openByHand(taken.sealed!, taken.file, 'opened');
    execFileSync('sh', ['-c', typed], {
      cwd: sealed.folder,
      env: { PATH: process.env.PATH, BACKUP_PASSPHRASE: 'correct horse battery staple' },
    });
    expect(sealed.dump(join(sealed.folder, 'opened'))).toBe(sealed.dump());
    sealed.close();
  });

  it.each<[string, RegExp, (file: string) => Promise<void>]>([
    ['a byte in the middle', /is not the one that was written/, async (file) => flip(file, 20_000)],
    ['cut off', /is not the one that was written/, (file) => truncate(file, 8192)],
    ['gone', /is not there: take another backup/, (file) => rm(file)],
  ])('is refused where its backup was harmed: %s', async (_what, message, harm) => {
    const folder = join(app.folder, '..', 'harmed');
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    const taken = await app.store.backup(app.context, folder);
    await harm(join(folder, taken.file));
    await expect(app.store.prove(app.context, folder, taken)).rejects.toThrow(message);
    await expect(app.store.restore(app.context, folder, taken)).rejects.toMatchObject({ type: 'BackupUnusable' });
  });

  it.each<[string, RegExp, string]>([
    ['a row more', /table jobs has \d+ rows, not \d+/, `INSERT INTO jobs (name) VALUES ('more')`],
    ['a value', /table tags has other content/, `UPDATE tags SET sound = x'02'`],
    ['a type of the same value', /table bad_text has other content/, `UPDATE bad_text SET t = 'a' WHERE t = x'61'`],
    ['an index', /schema: missing .*jobs_by_tag/, 'DROP INDEX jobs_by_tag'],
    ['a trigger', /schema: missing .*no_empty/, 'DROP TRIGGER no_empty'],
    ['the version number', /settings: missing user_version = 7/, 'PRAGMA user_version = 8'],
  ])('is found unequal to a manifest by %s', async (_what, message, change) => {
    const file = join(app.folder, '..', 'planted.sqlite');
    await writeFile(file, await readFile(join(app.folder, backup.file)));
    execFileSync('sqlite3', [file, 'PRAGMA journal_mode = DELETE', change]);
    const { size } = await stat(file);
    const planted = { ...backup, file: '../planted.sqlite', bytes: size, sha256: await sha256File(file) };
    await expect(app.store.prove(app.context, app.folder, planted)).rejects.toThrow(message);
  });

  it('is no backup where the live file is damaged: the proof says what SQLite finds', async () => {
    const sick = await makeApp();
    sick.sql('PRAGMA wal_checkpoint(TRUNCATE)');
    const { size } = await stat(sick.file);
    for (let at = 4096 * 3 + 8; at < size; at += 4096) flip(sick.file, at);
    const outcome = await sick.store
      .backup(sick.context, sick.folder)
      .then((taken) => sick.store.prove(sick.context, sick.folder, taken))
      .catch((error: Error) => error.message);
    expect(outcome).toMatch(/malformed|damaged/);
    sick.close();
  });

  it('passes preflight where it can be read, linked and renamed, and there is room', async () => {
    const seen = await app.store.preflight(app.context);
    expect(seen.map(({ name, outcome }) => [name, outcome])).toEqual(
      ['file', 'swap', 'room for copies', 'way back', 'room for the backup'].map((name) => [`main: ${name}`, 'pass']),
    );
    await writeFile(`${app.file}x`, 'this is no database, and long enough to be looked at');
    const { sqliteStore } = await import('../../../../src/activities/data/sqlite/store.js');
    const [file] = await sqliteStore('main', { file: `${app.file}x` }).preflight(app.context);
    expect(file).toMatchObject({ outcome: 'fail', seen: expect.stringMatching(/file is not a database/) as string });
  });
});

function flip(file: string, at: number): void {
  execFileSync('python3', [
    '-c',
    'import sys\nwith open(sys.argv[1], "r+b") as f:\n f.seek(int(sys.argv[2])); b = f.read(64); f.seek(int(sys.argv[2])); f.write(bytes(255 - x for x in b))',
    file,
    String(at),
  ]);
}
