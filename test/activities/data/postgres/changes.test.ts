import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeShop, type Shop } from './shop.js';

describe('what a database has otherwise than its recovery point', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await makeShop();
    await shop.sql(`
      CREATE TABLE people (id int PRIMARY KEY, name text); INSERT INTO people VALUES (1, 'ann'), (2, 'bob');
      CREATE TABLE orders (id int, of int); CREATE INDEX by_of ON orders (of); INSERT INTO orders VALUES (1, 1);
      CREATE TABLE old (id int); CREATE VIEW names AS SELECT name FROM people; ANALYZE`);
  });
  afterAll(() => shop.close());

  it('is told by name, without the parts of what is new as a whole; nothing where nothing stayed', async () => {
    const standby = await shop.store.standby(shop.context);
    const changes = () => shop.store.changes!(shop.context, standby);
    await shop.sql(`BEGIN; UPDATE people SET name = 'x'; CREATE TABLE half (id int); ROLLBACK`);
    expect(await changes()).toEqual([]);

    await shop.sql(`
      CREATE TABLE "Half made" (id serial PRIMARY KEY, of int REFERENCES people); CREATE INDEX half_i ON "Half made" (of);
      ALTER TABLE orders ADD COLUMN note text, ALTER COLUMN id SET NOT NULL; DROP INDEX by_of;
      ALTER TABLE orders ADD CONSTRAINT orders_fk FOREIGN KEY (of) REFERENCES people;
      CREATE OR REPLACE VIEW names AS SELECT upper(name) AS name FROM people; DELETE FROM people WHERE id = 2`);
    expect((await changes()).sort()).toEqual([
      'changed column public.orders.id',
      'changed view public.names',
      'gone index by_of',
      'new column public.orders.note',
      'new constraint orders_fk',
      'new table public."Half made"',
      'rows of public.people',
    ]);
    // With a table its counters are gone: which rows changed is not known, and enough is.
    await shop.sql('DROP TABLE old');
    expect(await changes()).toEqual(expect.arrayContaining(['gone table public.old', 'gone index by_of']));
    const [copy] = await shop.beside(`SELECT datallowconn AS open FROM pg_database WHERE datname = '${standby.copy}'`);
    expect(copy).toEqual({ open: false });
    await shop.store.swapIn(shop.context, standby);
    await shop.beside(`DROP DATABASE "${standby.replaced}"`);
  });

  it('is not told while a session is at work on it, and names the index that its end left unfinished', async () => {
    const standby = await shop.store.standby(shop.context);
    const [holder, worker] = [1, 2].map(() => new pg.Client({ connectionString: shop.ownerUrl }));
    worker!.on('error', () => undefined);
    await Promise.all([holder!.connect(), worker!.connect()]);
    await holder!.query('BEGIN; UPDATE people SET id = id');
    const building = worker!.query('CREATE INDEX CONCURRENTLY half ON people (name)').catch(() => undefined);
    await expect(shop.store.changes!(shop.context, standby)).rejects.toMatchObject({
      type: 'NotStopped',
      message: expect.stringContaining('still at work on it') as string,
    });
    await shop.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND pid <> pg_backend_pid()`,
    );
    await holder!.query('ROLLBACK');
    await Promise.all([building, holder!.end()]);
    expect(await shop.store.changes!(shop.context, standby)).toEqual(['new unfinished index public.half']);
  });
});
