import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StandbyRecord } from '../../../../src/activities/data/contract.js';
import { makeShop, type Shop } from './shop.js';

describe.each([false, true])('the lines for a swap by hand (odd name: %s)', (odd) => {
  let shop: Shop;
  let record: StandbyRecord;

  beforeEach(async () => {
    shop = await makeShop({ odd });
    await shop.beside(`COMMENT ON DATABASE "${shop.name}" IS 'their "own" comment''s'`);
    await shop.sql(`CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 100)`);
    record = await shop.store.standby(shop.context);
    await shop.sql('DELETE FROM orders');
  });
  afterEach(() => shop.close());

  const perform = async (standby = record) => {
    const script = ['set -eu', ...shop.store.byHand(shop.context, standby)].join('\n');
    const admin = `${shop.adminUrl.replace(/^postgres(ql)?:/, 'postgresql+psycopg2:')}?connect_timeout=5`;
    return promisify(execFile)('sh', ['-c', script], { env: { PATH: process.env.PATH, SHOP_ADMIN_URL: admin } });
  };
  const rows = async () => (await shop.sql('SELECT count(*)::int AS n FROM orders'))[0]?.n;

  it('bring the data back from a shell alone, and do nothing the second time', async () => {
    await perform();
    expect(await rows()).toBe(100);
    await shop.sql('INSERT INTO orders VALUES (1)');
    expect((await perform()).stdout).toMatch(/already/);
    expect(await rows()).toBe(101);
    const { note } = await shop.store.swapIn(shop.context, record);
    expect(note).toMatch(/already/);
    const comment = await shop.beside(
      `SELECT shobj_description(oid, 'pg_database') AS it FROM pg_database WHERE oid = ${record.copyOid}`,
    );
    expect(comment).toEqual([{ it: `their "own" comment's` }]);
  });

  it('refuse another database, and let everybody in again where it was closed', async () => {
    await shop.beside(`ALTER DATABASE "${shop.name}" ALLOW_CONNECTIONS false`);
    await expect(perform({ ...record, live: { ...record.live, oid: '1' } })).rejects.toThrow();
    expect(await rows()).toBe(0);
  });
});
