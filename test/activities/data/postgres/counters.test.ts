import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeShop, type Shop } from './shop.js';

describe('rows written since', () => {
  let shop: Shop;
  let since: Record<string, number> | null;

  beforeEach(async () => {
    shop = await makeShop();
    await shop.sql(
      `CREATE TABLE orders (id int); CREATE TABLE "SequelizeMeta" (name text); CREATE TABLE quiet (x int); INSERT INTO orders SELECT generate_series(1, 50)`,
    );
    since = await shop.store.counters(shop.context);
  });
  afterEach(() => shop.close());

  const written = () => shop.store.written(shop.context, since);

  it('are none when nothing was written, however much was read', async () => {
    await shop.sql('SELECT count(*) FROM orders; BEGIN; SET TRANSACTION READ ONLY; SELECT 1 FROM quiet; COMMIT');
    expect(await written()).toEqual({});
  });

  it('are counted by table as they are called, new tables from 0, large objects too', async () => {
    await shop.sql(`INSERT INTO orders VALUES (1), (2); UPDATE orders SET id = 0 WHERE id = 1; DELETE FROM orders WHERE id = 2; INSERT INTO "SequelizeMeta" VALUES ('x');
      CREATE SCHEMA other; CREATE TABLE other.fresh (x int); INSERT INTO other.fresh VALUES (1); SELECT lo_from_bytea(0, 'x')`);
    expect(await written()).toEqual({
      'public.orders': 6,
      'public.SequelizeMeta': 1,
      'other.fresh': 1,
      'pg_catalog.pg_largeobject': 1,
    });
  });

  it('are told from the counters of a standby copy', async () => {
    const copy = await shop.store.standby(shop.context);
    expect(await shop.store.writtenSinceCopy?.(shop.context, copy)).toBeUndefined();
    await shop.sql('INSERT INTO quiet VALUES (1)');
    expect(await shop.store.written(shop.context, copy.counters)).toEqual({ 'public.quiet': 1 });
    expect(await shop.store.writtenSinceCopy?.(shop.context, copy)).toBe('public.quiet: 1 rows');
  });

  it.each([
    ['statistics were reset', `SELECT pg_stat_reset()`],
    ["one table's statistics were reset", `SELECT pg_stat_reset_single_table_counters('orders'::regclass)`],
    ['a table was truncated', `TRUNCATE orders`],
    ['a table was dropped', `DROP TABLE quiet`],
    ['a table was dropped and made again', `DROP TABLE quiet; CREATE TABLE quiet (x int)`],
  ])('are unknown when %s', async (_why, statement) => {
    await shop.sql(statement, shop.superuserUrl);
    expect(await written()).toBeNull();
  });

  it('are unknown without a first reading', async () => {
    expect(await shop.store.written(shop.context, null)).toBeNull();
  });

  it('are unknown of another database under the same name', async () => {
    const record = await shop.store.standby(shop.context);
    await shop.store.swapIn(shop.context, record);
    expect(await written()).toBeNull();
  });

  it('wait for what an idle session has not reported yet', { timeout: 40_000 }, async () => {
    const application = new Client({ connectionString: shop.ownerUrl });
    await application.connect();
    try {
      await application.query('INSERT INTO orders VALUES (1)');
      await application.query('INSERT INTO orders VALUES (2)');
      expect(await written()).toEqual({ 'public.orders': 2 });
    } finally {
      await application.end();
    }
  });

  it('are unknown while a transaction that writes is open', { timeout: 40_000 }, async () => {
    const application = new Client({ connectionString: shop.ownerUrl });
    await application.connect();
    try {
      await application.query('BEGIN');
      await application.query('INSERT INTO orders VALUES (1)');
      expect(await written()).toBeNull();
    } finally {
      await application.end();
    }
  });
});
