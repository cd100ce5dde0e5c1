import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StandbyRecord, StoreBackup } from '../../../../src/activities/data/contract.js';
import { reversed } from '../../../../src/activities/records.js';
import { essence, makeShop, oddities, type Shop } from './shop.js';

/** What a release may do to a database, and what a plain `pg_restore --clean` would leave there. */
const release = (role: string) =>
  `
  CREATE EXTENSION hstore; CREATE SCHEMA added; CREATE TABLE added.things (id serial PRIMARY KEY, h hstore); INSERT INTO added.things (h) VALUES ('a=>1');
  CREATE TABLE more (x int); CREATE VIEW all_more AS SELECT * FROM more; CREATE TYPE more_of AS ENUM ('a'); CREATE FUNCTION more_of() RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE PROCEDURE do_more() LANGUAGE plpgsql AS $$
BEGIN
  NULL;
COMMIT;
END $$;
  CREATE AGGREGATE totals(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0'); CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
  DROP TABLE "Sales Dept"."Order" CASCADE; ALTER TABLE leads ADD COLUMN score int DEFAULT 3; DELETE FROM leads WHERE id < 5; DROP POLICY org_isolation ON leads;
  SELECT lo_unlink(424242), lo_from_bytea(515151, 'another'); GRANT SELECT ON LARGE OBJECT 515151 TO ${role}_backup; SELECT setval('ahead', 3); COMMENT ON TABLE t IS 'changed'; CREATE CAST (mood AS int) WITHOUT FUNCTION;
  ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${role}_backup; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON TYPES TO ${role}_backup;
  ALTER DATABASE ${role} SET work_mem = '5MB'; GRANT CREATE ON DATABASE ${role} TO ${role}_backup;`.replace(
    'CREATE CAST (mood AS int) WITHOUT FUNCTION;',
    '',
  );

describe('a database beside which none may be made', { timeout: 600_000 }, () => {
  let shop: Shop;
  let record: StandbyRecord;
  let before: unknown;
  let after: unknown;
  let stored: StoreBackup;

  const now = async () => essence(await shop.store.backup(shop.context, shop.folder));
  const throwaways = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith(`slipway-pg-${process.pid}-`));

  beforeAll(async () => {
    shop = await makeShop();
    await shop.sql(oddities(shop.database.name));
    await shop.sql(`GRANT CONNECT ON DATABASE ${shop.name} TO ${shop.name}_backup`);
    await shop.beside(`ALTER ROLE ${shop.name}_admin NOCREATEDB`);
  }, 600_000);
  afterAll(() => shop.close());

  it('is told before: which way is taken, why, and what it costs', async () => {
    const results = await shop.store.preflight(shop.context);
    expect(results.flatMap(({ outcome, name, seen }) => (outcome === 'fail' ? [`${name}: ${seen}`] : []))).toEqual([]);
    expect(results.find(({ name }) => name === 'shop: way back')?.seen).toMatch(
      /restored over the live database in one transaction: more downtime \(.*_admin has no CREATEDB\)/,
    );
    expect((await shop.store.downtime(shop.context))?.note).toMatch(
      /restores it over the live database, after a proven backup/,
    );
    expect(await throwaways()).toEqual([]);
  });

  it('has a second backup after the stop, proven on a throwaway server', async () => {
    before = await now();
    record = await shop.store.standby(shop.context);
    stored = record.backup!.stored;
    expect(await shop.store.has(shop.context, record)).toBe(true);
    expect(await shop.databases()).toEqual([shop.name]);
    expect(await throwaways()).toEqual([]);
  });

  it('gets it back over whatever a release did, and what it held then is kept and can be had back, too', async () => {
    await shop.sql(release(shop.name));
    after = await now();
    expect(after).not.toEqual(before);
    const inPlace = await shop.store.restore(shop.context, record.backup!.folder, stored);
    expect(await now()).toEqual(after);
    await shop.store.swapIn(shop.context, inPlace);
    expect(await now()).toEqual(before);
    expect((await shop.store.live(shop.context)).oid).toBe(inPlace.copyOid);
    // A second attempt finds it done.
    expect((await shop.store.swapIn(shop.context, inPlace)).note).toMatch(/already/);

    // Ended in the middle, it leaves all as it was, and the next attempt goes through.
    const killed = shop.store.swapIn(shop.context, reversed(inPlace));
    const ended = await Promise.all([killed.catch(String), endWhileItEmpties()]);
    expect(ended[0]).toMatch(/terminat/);
    expect(await now()).toEqual(before);
    await shop.store.swapIn(shop.context, reversed(inPlace));
    expect(await now()).toEqual(after);
    expect(await throwaways()).toEqual([]);
  });

  it('is left as it is by a backup that does not restore into what its manifest says', async () => {
    const { tables } = stored.contents;
    const wrong = { ...stored, contents: { tables: { ...tables, 'public.t': { ...tables['public.t']!, rows: 4 } } } };
    const inPlace = await shop.store.restore(shop.context, record.backup!.folder, wrong);
    await expect(shop.store.swapIn(shop.context, inPlace)).rejects.toThrow(/table public.t has 3 rows, not 4/);
    expect(await now()).toEqual(after);
    expect((await shop.store.live(shop.context)).oid).not.toBe(inPlace.copyOid);
  });

  it('gets it back from a shell alone', async () => {
    const lines = ['set -eu', ...shop.store.byHand(shop.context, record)];
    const env = { PATH: process.env.PATH, SHOP_ADMIN_URL: shop.adminUrl, SHOP_BACKUP_URL: shop.database.backupUrl };
    await promisify(execFile)('sh', ['-c', lines.join('\n')], { env });
    const withoutDatabase = (of: unknown) => ({ ...(of as { catalog: [string, unknown][] }), catalog: (of as { catalog: [string, unknown][] }).catalog.filter(([heading]) => heading !== 'database') }); // prettier-ignore
    expect(withoutDatabase(await now())).toEqual(withoutDatabase(before));
  });

  it('is NO-GO where this host cannot start a server of its version', async () => {
    const tools = {
      ...shop.context.tools,
      postgres: async (name: string, major: number) => {
        if (name === 'initdb') throw new Error('initdb is not on this host');
        return shop.context.tools.postgres(name, major);
      },
    };
    const results = await shop.store.preflight({ ...shop.context, tools });
    expect(results.flatMap(({ outcome, name, seen }) => (outcome === 'fail' ? [`${name}: ${seen}`] : []))).toEqual([
      'shop: throwaway server: initdb is not on this host',
      'shop: way back: none: its content cannot be replaced (shop: throwaway server: initdb is not on this host)',
    ]);
  });

  async function endWhileItEmpties(): Promise<void> {
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${shop.name}' AND query LIKE 'DO $slipway$%'`;
    while ((await shop.beside(end)).length === 0);
  }
});
