import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureType } from '../../../../src/errors.js';
import { essence, makeShop, oddities, run, type Shop } from './shop.js';

describe('what went wrong elsewhere', { timeout: 600_000 }, () => {
  let shop: Shop;

  beforeEach(async () => {
    shop = await makeShop();
    await shop.sql(`CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 100)`);
  });
  afterEach(() => shop.close());

  it('C6: a table that the backup does not know is not left in place by a restore, and one that was emptied is full again', async () => {
    const backup = await shop.store.backup(shop.context, shop.folder);
    await shop.sql('CREATE TABLE later (id int); TRUNCATE orders');
    await shop.store.swapIn(shop.context, await shop.store.restore(shop.context, shop.folder, backup));
    const tables = `SELECT relname, (SELECT count(*)::int FROM orders) AS n FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`;
    expect(await shop.sql(tables)).toEqual([{ relname: 'orders', n: 100 }]);
  });

  it('C6: a cut archive touches nothing that lives', async () => {
    const backup = await shop.store.backup(shop.context, shop.folder);
    await truncate(join(shop.folder, backup.file), backup.bytes - 10);
    const failed: unknown = await shop.store
      .restore(shop.context, shop.folder, backup)
      .catch((error: unknown) => error);
    expect(failureType(failed)).toBe('BackupUnusable');
    expect(await shop.databases()).toEqual([shop.name]);
    expect(await shop.sql('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 100 }]);
  });

  it('C7: a copy is made, and the live database open again, though a session idles in a transaction', async () => {
    const holding = run(shop.ownerUrl, 'BEGIN; SELECT 1 FROM orders; SELECT pg_sleep(60)').catch(String);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const began = performance.now();
    await shop.store.standby(shop.context);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await holding).toMatch(/terminat|closed|connection/i);
    expect(await shop.sql('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 100 }]);
  });

  it('C8: an extension that a superuser made comes back by an admin who is none, and a role that is gone is named', async () => {
    await shop.sql('CREATE EXTENSION hstore; CREATE EXTENSION "uuid-ossp"', shop.superuserUrl);
    await shop.sql(`CREATE TABLE tagged (tags hstore DEFAULT 'a=>1'); INSERT INTO tagged DEFAULT VALUES`);
    const backup = await shop.store.backup(shop.context, shop.folder);
    await shop.store.prove(shop.context, shop.folder, backup);
    await shop.store.swapIn(shop.context, await shop.store.restore(shop.context, shop.folder, backup));
    expect(await shop.sql('SELECT count(*)::int AS n FROM tagged')).toEqual([{ n: 1 }]);
    const gone = `${shop.database.name}_gone`;
    await shop.beside(`CREATE ROLE ${gone}; GRANT ${gone} TO ${shop.database.name}_admin, ${shop.database.name}_owner`);
    await shop.sql(`ALTER TABLE tagged OWNER TO ${gone}`, shop.superuserUrl);
    await shop.sql(`GRANT CREATE ON SCHEMA public TO ${gone}`, shop.superuserUrl);
    const owned = await shop.store.backup(shop.context, shop.folder);
    await shop.sql(
      `REASSIGN OWNED BY ${gone} TO ${shop.database.name}_owner; DROP OWNED BY ${gone}`,
      shop.superuserUrl,
    );
    await shop.beside(`DROP ROLE ${gone}`);
    await expect(shop.store.prove(shop.context, shop.folder, owned)).rejects.toThrow(
      new RegExp(`role "${gone}" does not exist`),
    );
  });

  it('leaves the other databases of the server as they are', async () => {
    const other = await makeShop();
    try {
      await other.sql(oddities(other.database.name));
      const before = essence(await other.store.backup(other.context, other.folder));
      const [{ oid } = {}] = await other.beside(`SELECT oid::text FROM pg_database WHERE datname = '${other.name}'`);
      const backup = await shop.store.backup(shop.context, shop.folder);
      await shop.store.swapIn(shop.context, await shop.store.standby(shop.context));
      await shop.store.swapIn(shop.context, await shop.store.restore(shop.context, shop.folder, backup));
      expect(essence(await other.store.backup(other.context, other.folder))).toEqual(before);
      expect(await other.store.live(other.context)).toMatchObject({ oid });
    } finally {
      await other.close();
    }
  });

  it('has 2,000 tables backed up, proven and put back', async () => {
    await shop.sql(`DO $$ BEGIN FOR i IN 1..2000 LOOP
      EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, note text)', i); EXECUTE format('INSERT INTO t%s VALUES (%s)', i, i);
      IF i % 50 = 0 THEN COMMIT; END IF; END LOOP; END $$`);
    const times: Record<string, number> = {};
    const timed = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
      const began = performance.now();
      const done = await act();
      times[name] = Math.round(performance.now() - began);
      return done;
    };
    const backup = await timed('backup', () => shop.store.backup(shop.context, shop.folder));
    expect(Object.keys(backup.contents.tables)).toHaveLength(2001);
    await timed('proof', () => shop.store.prove(shop.context, shop.folder, backup));
    const copy = await timed('copy', () => shop.store.standby(shop.context));
    await timed('swap', () => shop.store.swapIn(shop.context, copy));
    console.log(`2,000 tables: ${JSON.stringify(times)} ms`);
    expect(await shop.sql('SELECT id FROM t1234')).toEqual([{ id: 1234 }]);
  });
});
