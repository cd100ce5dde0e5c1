import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runSqlCheck } from '../../../src/activities/checks/sql.js';
import type { Check } from '../../../src/model.js';
import { contextWith } from './support.js';

/** A file with three jobs, and a copy that has one. */
function jobs() {
  const context = contextWith({ definition: { databases: { main: { sqlite: { file: 'app.db' } } } } });
  const make = (file: string, rows: number) => {
    const sql = `CREATE TABLE jobs (id INTEGER, name TEXT); ${"INSERT INTO jobs VALUES (7, 'a');".repeat(rows)}`;
    execFileSync('python3', [
      '-c',
      'import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])',
      file,
      sql,
    ]);
  };
  make(join(context.definition.directory, 'app.db'), 3);
  make(join(context.definition.directory, 'copy.db'), 1);
  return { context, run: (check: Check, one = context) => runSqlCheck(check, one) };
}

describe('a sql check of a SQLite database', () => {
  it('finds a value and a number of rows, beside whoever writes', async () => {
    const { run } = jobs();
    const counted = await run({ sql: 'SELECT count(*) FROM jobs', expect: { value: { over: 2 } } });
    expect(counted).toMatchObject({ ok: true, expected: 'SELECT count(*) FROM jobs: value is over 2' });
    expect(await run({ sql: 'SELECT name, id FROM jobs', expect: { rows: 3, value: 'a' } })).toMatchObject({
      ok: true,
    });
    const wrong = await run({ sql: 'SELECT name FROM jobs WHERE id = 8' });
    expect(wrong).toMatchObject({ ok: false });
    expect(wrong.seen).toMatch(/^number of rows is 0 in/);
  });

  it('asks the copy in a rehearsal', async () => {
    const { run, context } = jobs();
    const copy = { ...context, rehearsal: { url: join(context.definition.directory, 'copy.db') } };
    expect(await run({ sql: 'SELECT count(*) FROM jobs', expect: 1 }, copy)).toMatchObject({ ok: true });
  });

  it.each<[string, Check, RegExp]>([
    ['a table that is not there', { sql: 'SELECT 1 FROM job' }, /^\S+app\.db: no such table: job$/],
    ['a write', { sql: 'DELETE FROM jobs' }, /app\.db: attempt to write a readonly database$/],
    ['two statements', { sql: 'SELECT 1; DELETE FROM jobs' }, /one statement at a time/],
    ['a role', { sql: 'SELECT 1', as: 'app' }, /database main is SQLite, where a sql check has no as/],
    [
      'a query without end',
      { sql: 'WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x FROM a) SELECT count(*) FROM a', withinMs: 700 },
      /no result within 700 ms/,
    ],
  ])('says what is wrong with %s', async (_, check, seen) => {
    const verdict = await jobs().run(check);
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(seen);
  });

  it('makes no file where there is none', async () => {
    const context = contextWith({ definition: { databases: { main: { sqlite: { file: 'none.db' } } } } });
    expect((await runSqlCheck({ sql: 'SELECT 1' }, context)).seen).toMatch(/none\.db: unable to open database file$/);
    expect(existsSync(join(context.definition.directory, 'none.db'))).toBe(false);
  });
});
