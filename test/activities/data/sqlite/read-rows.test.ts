import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRows } from '../../../../src/activities/data/sqlite/read-rows.js';
import { definitionOf, stepContext } from '../../step-context.js';

const home = mkdtempSync(join(tmpdir(), 'slipway-sqlite-rows-'));
const context = stepContext({ definition: definitionOf(home), folder: join(home, 'run'), home });
const file = join(home, 'it is 100%? #1.db');
execFileSync('python3', [
  '-c',
  `import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.executescript("""
  PRAGMA journal_mode = WAL;
  CREATE TABLE alembic_version (version_num TEXT);
  INSERT INTO alembic_version VALUES ('a1'), ('b2');
  CREATE TABLE odd (big INTEGER, blob BLOB, word TEXT, none);
  INSERT INTO odd VALUES (9007199254740993, x'00ff', 'Zoë', NULL);
""")`,
  file,
]);
afterAll(() => rmSync(home, { recursive: true }));

describe('rows of a SQLite file', () => {
  it('come in the order of the statement', async () => {
    const rows = await readRows(context, file, 'SELECT version_num FROM alembic_version ORDER BY 1');
    expect(rows).toEqual([{ version_num: 'a1' }, { version_num: 'b2' }]);
  });

  it('keep large integers, blobs, letters and NULL exact', async () => {
    expect(await readRows(context, file, 'SELECT * FROM odd')).toEqual([
      { big: '9007199254740993', blob: '00ff', word: 'Zoë', none: null },
    ]);
  });

  it('are those of before, where a writer was killed in the middle of a transaction that had reached the file', async () => {
    const hurt = join(home, 'hurt.db');
    const writer = `import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
for sql in ["PRAGMA cache_size = 2", "CREATE TABLE t (x)", "BEGIN"]: c.execute(sql)
c.executemany("INSERT INTO t VALUES (?)", [("before" * 100,)] * 200)
for sql in ["COMMIT", "BEGIN", "UPDATE t SET x = 'half' || x"]: c.execute(sql)
os.kill(os.getpid(), 9)`;
    expect(spawnSync('python3', ['-c', writer, hurt]).signal).toBe('SIGKILL');
    expect(existsSync(`${hurt}-journal`)).toBe(true);
    expect(await readRows(context, hurt, `SELECT count(*) AS n FROM t WHERE x LIKE 'half%'`)).toEqual([{ n: 0 }]);
  });

  it('are all there where they are many', async () => {
    const sql = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n`;
    expect((await readRows(context, file, sql)).length).toBe(20_000);
  });

  it('are read beside a writer, without what it did not commit', async () => {
    const writer = spawn('python3', ['-c', holdOpen, file]);
    try {
      await new Promise((resolve) => writer.stdout.once('data', resolve));
      expect(await readRows(context, file, 'SELECT count(*) AS n FROM alembic_version')).toEqual([{ n: 2 }]);
    } finally {
      writer.kill('SIGKILL');
    }
  });

  it('are never written', async () => {
    const before = readFileSync(file);
    await expect(readRows(context, file, `DELETE FROM odd`)).rejects.toMatchObject({ type: 'CommandFailed' });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('do not make a file that is missing', async () => {
    const missing = join(home, 'missing.db');
    await expect(readRows(context, missing, 'SELECT 1')).rejects.toThrow(/missing\.db: unable to open database file/);
    expect(existsSync(missing)).toBe(false);
  });
});

const holdOpen = `import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN IMMEDIATE")
c.execute("INSERT INTO alembic_version VALUES ('c3')")
print("open", flush=True)
time.sleep(60)`;
