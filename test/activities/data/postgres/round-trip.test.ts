import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoreBackup } from '../../../../src/activities/data/contract.js';
import { databaseOddities, essence, makeShop, oddities, run, type Shop } from './shop.js';

/** A rule of sorting that no other locale has. */
const icu = `TEMPLATE template0 LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk'`;

it('a database of an ICU locale comes back with it, and sorts as before; a sequence that somebody goes on with during the backup is not behind its table', async () => {
  const shop = await makeShop({ locale: icu });
  try {
    await shop.sql(
      `CREATE TABLE names (id serial PRIMARY KEY, name text); INSERT INTO names (name) VALUES ('Af'), ('Ae'), ('Äd')`,
    );
    const insert = () => shop.sql(`INSERT INTO names (name) SELECT 'later' FROM generate_series(1, 20) RETURNING id`);
    const looking = async () => [
      await shop.sql('SELECT name FROM names WHERE id < 4 ORDER BY name'),
      await shop.beside(
        `SELECT datlocprovider, daticulocale, datcollate FROM pg_database WHERE datname = '${shop.name}'`,
      ),
    ];
    const before = await looking();
    expect(before[0]).toEqual([{ name: 'Ae' }, { name: 'Äd' }, { name: 'Af' }]);
    // Between the snapshot and the dump, and again beside the dump.
    const read: typeof shop.context.read = async (request) => {
      await insert();
      const [result] = await Promise.all([shop.context.read(request), insert()]);
      return result;
    };
    const stored = await shop.store.backup({ ...shop.context, read }, shop.folder);
    expect(stored.contents.tables['public.names']?.rows).toBe(3);
    await shop.store.swapIn(shop.context, await shop.store.restore(shop.context, shop.folder, stored));
    expect(await looking()).toEqual(before);
    expect(
      await shop.sql('SELECT count(*)::int AS n, (SELECT last_value FROM names_id_seq) >= max(id) AS ahead FROM names'),
    ).toEqual([{ n: 3, ahead: true }]);
    expect(await insert()).toHaveLength(20);
  } finally {
    await shop.close();
  }
});

describe('an odd but real database', () => {
  let shop: Shop;
  let backup: StoreBackup;

  beforeAll(async () => {
    shop = await makeShop({ odd: true });
    await shop.sql(oddities(shop.database.name));
    for (const statement of databaseOddities(shop.name, shop.database.name)) await shop.beside(statement);
    await shop.beside(`GRANT SET ON PARAMETER app.motto TO ${shop.database.name}_admin`);
    backup = await shop.store.backup(shop.context, shop.folder);
  });
  afterAll(async () => {
    await shop.beside(`REVOKE SET ON PARAMETER app.motto FROM ${shop.database.name}_admin`);
    await shop.close();
  });

  it('is backed up with every row, also those that policies hide from its owner', () => {
    const { tables } = backup.contents;
    expect(tables['Sales Dept.Order']?.rows).toBe(500);
    expect(tables['public.leads']?.rows).toBe(300);
    expect(tables['"a.b".c']?.rows).toBe(0);
    expect(tables['public.parent']?.rows).toBe(1);
    expect((tables['public.events_1']?.rows ?? 0) + (tables['public.events_rest']?.rows ?? 0)).toBe(40);
    expect(tables['pg_catalog.pg_largeobject']?.rows).toBe(1);
  });

  it('is stored in a file that only its user reads, whose hash is in the manifest', async () => {
    const { mode, size } = await stat(join(shop.folder, backup.file));
    expect(mode & 0o777).toBe(0o600);
    expect(size).toBe(backup.bytes);
    const head = (await readFile(join(shop.folder, backup.file))).subarray(0, 4);
    expect(head.toString('hex')).toBe(backup.packed ? '28b52ffd' : Buffer.from('PGDM').toString('hex'));
  });

  it('is proven by a restore that leaves nothing behind', async () => {
    const { note } = await shop.store.prove(shop.context, shop.folder, backup);
    expect(note).toMatch(/restored and found equal: \d+ tables/);
    expect(await shop.databases()).toEqual([shop.database.name, shop.name]);
  });

  it('is read the same a second time', async () => {
    const again = await shop.store.backup(shop.context, shop.folder);
    expect(essence(again)).toEqual(essence(backup));
    backup = again;
  });

  it('is had as scratch with the application login, its driver kept in the URL, and dropped again', async () => {
    const scratch = await shop.store.scratch(shop.context, shop.folder, backup);
    const { url } = scratch;
    expect(url).toMatch(/^postgresql\+psycopg:\/\/.*__t_[0-9a-f]{12}$/);
    const rows = await run(
      url.replace('+psycopg', ''),
      `SELECT count(*)::int AS n, current_setting('search_path') AS path FROM "Order"`,
    );
    expect(rows).toEqual([{ n: 500, path: '"Sales Dept", public, "$user"' }]);
    await scratch.drop();
    expect(await shop.databases()).toHaveLength(2);
  });

  it('comes back from the backup beside the live one, and equal once swapped in', async () => {
    await shop.sql(
      `SET statement_timeout = 0; SET default_transaction_read_only = off; BEGIN READ WRITE; DELETE FROM "Sales Dept"."Order"; COMMIT`,
    );
    const record = await shop.store.restore(shop.context, shop.folder, backup);
    expect(await shop.store.restore(shop.context, shop.folder, backup)).toEqual(record);
    await shop.store.swapIn(shop.context, record);
    expect(essence(await shop.store.backup(shop.context, shop.folder))).toEqual(essence(backup));
    const kept = await shop.beside(
      `SELECT datallowconn FROM pg_database WHERE datname = '${record.replaced.replaceAll("'", "''")}'`,
    );
    expect(kept).toEqual([{ datallowconn: false }]);
  });

  it('C10: is copied with everything that belongs to it, settings, limit, comment and grants too, and equal once swapped in', async () => {
    const before = essence(await shop.store.backup(shop.context, shop.folder));
    const record = await shop.store.standby(shop.context);
    expect(Buffer.byteLength(record.copy)).toBeLessThanOrEqual(63);
    expect(await shop.store.has(shop.context, record)).toBe(true);
    await shop.sql(
      `SET statement_timeout = 0; SET default_transaction_read_only = off; BEGIN READ WRITE; DROP TABLE "Sales Dept"."Order" CASCADE; COMMIT`,
    );
    await shop.store.swapIn(shop.context, record);
    expect(await shop.store.has(shop.context, record)).toBe(false);
    expect(essence(await shop.store.backup(shop.context, shop.folder))).toEqual(before);
  });
});
