import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSqlCheck } from '../../../src/activities/checks/sql.js';
import type { Check } from '../../../src/model.js';
import { freshDatabase } from '../../stack/database.js';
import type { TestDatabase } from '../../stack/database.js';
import { contextWith } from './support.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await freshDatabase();
  await ask(`CREATE TABLE leads (id serial, org text, at timestamptz DEFAULT now() - interval '1 hour')`);
  await ask(`INSERT INTO leads (org) SELECT CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 10) i`);
  await ask('ALTER TABLE leads ENABLE ROW LEVEL SECURITY; ALTER TABLE leads FORCE ROW LEVEL SECURITY');
  await ask(`CREATE POLICY org_isolation ON leads USING (org = current_setting('app.org', true))`);
});
afterAll(() => database.drop());

async function ask(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  return client
    .query<Record<string, unknown>>(text)
    .then((result) => result.rows)
    .finally(() => client.end());
}

function run(check: Check, url = database.ownerUrl, more = {}) {
  const postgres = { url: '$DATABASE_URL', backup_url: '$DATABASE_URL', admin_url: '$DATABASE_URL' };
  const definition = { databases: { main: { postgres } } };
  return runSqlCheck(check, contextWith({ variables: { DATABASE_URL: url, ORG: 'a' }, definition, more }));
}

describe('a sql check', () => {
  it.each<[string, Check]>([
    ['a count', { sql: 'SELECT count(*) FROM leads', set: { 'app.org': '$ORG' }, expect: { value: 5 } }],
    ['no row for nobody', { sql: 'SELECT * FROM leads', expect: { rows: 0 } }],
    ['rows', { sql: 'SELECT * FROM leads', set: { 'app.org': 'b' }, expect: { rows: { over: 4 } } }],
    ['a role', { sql: 'SELECT current_user::text', as: 'pg_monitor_x', expect: {} }],
    ['a fact', { sql: "SELECT '{version}'", expect: { value: '{version}' } }],
    ['a number', { sql: 'SELECT 1.5::numeric', expect: { value: { over: 1, under: 2 } } }],
    ['an interval', { sql: "SELECT interval '1 hour 30 min'", expect: { value: { over: '89m', under: '91m' } } }],
    [
      'the age of a time',
      { sql: 'SELECT max(at) FROM leads', set: { 'app.org': 'a' }, expect: { value: { over: '59m', under: '2h' } } },
    ],
    ['NULL', { sql: 'SELECT NULL', expect: { value: null } }],
    ['JSON', { sql: `SELECT '{"a": 1}'::jsonb`, expect: { value: { type: 'object' } } }],
    ['a row at all', { sql: 'SELECT 1' }],
  ])('passes with %s', async (_, check) => {
    const role = database.ownerUrl.match(/\/\/(\w+):/)?.[1] ?? '';
    expect(await run(check.as ? { ...check, as: role } : check)).toMatchObject({ ok: true });
  });

  it.each<[string, Check, RegExp]>([
    ['another value', { sql: 'SELECT count(*) FROM leads', expect: { value: { over: 0 } } }, /^value is 0 in \d+/],
    ['no row', { sql: 'SELECT 1 WHERE false', expect: { value: 1 } }, /^there is no row in/],
    ['another number of rows', { sql: 'SELECT generate_series(1, 3)', expect: { rows: 2 } }, /^number of rows is 3 in/],
    ['a wrong column', { sql: 'SELECT polname FROM pg_policies' }, /^column "polname" does not exist \(42703\)/],
    [
      'a write',
      { sql: "INSERT INTO leads (org) VALUES ('x') RETURNING 1" },
      /^the query would change data: cannot execute INSERT in a read-only transaction; say `changes: true`/,
    ],
    ['two statements', { sql: 'SELECT 1; COMMIT; DELETE FROM leads' }, /^only one statement is allowed/],
    [
      'a slow query',
      { sql: 'SELECT pg_sleep(20)', withinMs: 300 },
      /^no result within 300 ms \(after \d+ ms\): a lock/,
    ],
    [
      'a role that is not granted',
      { sql: 'SELECT 1', as: 'pg_read_all_data' },
      /permission denied to set role "pg_read_all_data": GRANT that role/,
    ],
    [
      'a role with a strange name',
      { sql: 'SELECT 1', as: 'x"; DROP TABLE leads; --' },
      /^role "x"; DROP TABLE leads; --" does not exist/,
    ],
  ])('says what it saw: %s', async (_, check, seen) => {
    const verdict = await run(check);
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(seen);
    expect(await ask("SELECT relname FROM pg_class WHERE relname = 'leads'")).toHaveLength(1);
  });

  it('keeps a write only where the check says that it changes something', async () => {
    await ask('CREATE TABLE marks (id int)');
    await run({ sql: 'INSERT INTO marks VALUES (1) RETURNING id', changes: true, expect: { value: 1 } });
    expect(await ask('SELECT * FROM marks')).toEqual([{ id: 1 }]);
  });

  it('counts many rows without gathering them', async () => {
    const before = process.memoryUsage().heapUsed;
    const verdict = await run({
      sql: "SELECT repeat('x', 100) FROM generate_series(1, 300000)",
      expect: { rows: 300_000 },
      withinMs: 30_000,
    });
    expect(verdict).toMatchObject({ ok: true });
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(60e6);
  });

  it('strips the driver of a SQLAlchemy URL', async () => {
    expect(
      await run({ sql: 'SELECT 1' }, database.ownerUrl.replace(/^postgres(ql)?:/, 'postgresql+psycopg:')),
    ).toMatchObject({ ok: true });
  });

  it('asks the copy in a rehearsal', async () => {
    const rehearsal = { url: database.backupUrl };
    expect(
      (
        await run(
          { sql: 'SELECT current_user::text', expect: { value: { matches: '_backup$' } } },
          'postgresql://nobody@127.0.0.1:9/x',
          { rehearsal },
        )
      ).ok,
    ).toBe(true);
  });

  it('says that no server listens, that the login is wrong, and never the password', async () => {
    const password = new URL(database.ownerUrl).password;
    expect((await run({ sql: 'SELECT 1' }, `postgresql://a:${password}@127.0.0.1:9/x`)).seen).toMatch(
      /^no PostgreSQL listens there: connect ECONNREFUSED 127\.0\.0\.1:9/,
    );
    const wrong = await run({ sql: `SELECT '${password}'`, expect: { value: 1 } });
    expect(wrong.seen).toMatch(/^value is "\[redacted\]"/);
    expect(JSON.stringify(wrong)).not.toContain(password);
  });

  it('breaks off when the run is cancelled', async () => {
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 200);
    const start = performance.now();
    expect(
      (await run({ sql: 'SELECT pg_sleep(20)', withinMs: 20_000 }, database.ownerUrl, { signal: cancel.signal })).seen,
    ).toContain('the run was cancelled');
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('names the databases there are', async () => {
    await expect(run({ sql: 'SELECT 1', database: 'audit' })).rejects.toThrow(
      /database audit is not declared: there are main/,
    );
  });
});
