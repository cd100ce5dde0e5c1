import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sideName } from '../../../../src/activities/data/postgres/names.js';
import { makeShop, run, type Shop } from './shop.js';

const asAnother = async ({ store, context }: Shop) => ({
  store,
  context: { ...context, run: { ...context.run, id: 'another' } },
});

describe('what lies beside a live database', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await makeShop();
    await shop.sql(`CREATE TABLE outbox AS SELECT i AS id, 'mail ' || i AS text FROM generate_series(1, 3) i`);
  });
  afterAll(() => shop.close());

  it('is listed: copies, what they replaced, scratch of a killed attempt; nothing of another database', async () => {
    const { store, context } = shop;
    expect(await store.kept(context)).toEqual([]);
    const copy = await store.standby(context);
    expect(await store.kept(context)).toEqual([
      {
        store: 'shop',
        is: 'standby',
        name: copy.copy,
        identity: copy.copyOid,
        bytes: expect.any(Number) as number,
        run: context.run.id,
        at: copy.takenAt,
      },
    ]);
    await store.swapIn(context, copy);
    const scratch = sideName(shop.name, 'p', 'a killed run');
    await shop.beside(`CREATE DATABASE "${scratch}"`);
    await shop.beside(`CREATE DATABASE "other_${sideName(shop.name, 'p', 'x')}"`);
    const kept = await store.kept(context);
    expect(kept.map(({ is, name, run: by }) => [is, name, by])).toEqual([
      ['replaced', copy.replaced, context.run.id],
      ['scratch', scratch, null],
    ]);
    await shop.beside(`DROP DATABASE "other_${sideName(shop.name, 'p', 'x')}"`);
  });

  it('names a folder that a crashed server left, and never deletes it', async () => {
    const [{ data_directory: data } = {}] = await shop.beside('SHOW data_directory');
    const folder = join(String(data), 'base', '4000000001');
    await mkdir(folder);
    await writeFile(join(folder, 'PG_VERSION'), '15\n');
    try {
      // Other tests copy databases on the same server all the time.
      const orphan = await vi.waitUntil(
        async () => (await shop.store.kept(shop.context)).find(({ identity }) => identity === '4000000001'),
        { timeout: 60_000 },
      );
      expect(orphan).toMatchObject({ name: 'base/4000000001', identity: '4000000001', bytes: null, run: null });
      await shop.store.discard(shop.context, orphan);
      await expect(shop.store.discard(shop.context, { ...orphan, name: shop.name })).resolves.toBeUndefined();
      expect(existsSync(folder)).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('takes nothing for left behind that is only being copied', async () => {
    await shop.sql(
      `CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 20) AS text FROM generate_series(1, 60000) i`,
    );
    const { store, context } = await asAnother(shop);
    let seen = 0;
    let copying = true;
    const done = store.standby(context).finally(() => (copying = false));
    for (; copying; seen += 1)
      expect((await shop.store.kept(shop.context)).filter(({ is }) => is === 'orphan')).toEqual([]);
    expect(seen).toBeGreaterThan(0);
    await shop.beside(`DROP DATABASE "${(await done).copy}"`);
    await shop.sql('DROP TABLE big');
  });

  it('is destroyed only where it is the very database that was listed', async () => {
    const { store, context } = shop;
    const [replaced, scratch] = await store.kept(context);
    if (!replaced || !scratch) throw new Error('nothing is kept');
    await expect(store.discard(context, { ...replaced, identity: '1' })).rejects.toThrow(
      /is not the replaced database that was listed: it stays/,
    );
    await expect(store.discard(context, { ...replaced, run: 'another' })).rejects.toThrow(/it stays/);
    await expect(store.discard(context, scratch)).rejects.toThrow(/it stays/);
    await store.discard(context, replaced);
    await store.discard(context, replaced);
    const left = (await store.kept(context)).filter(({ is }) => is !== 'orphan');
    expect(left.map(({ name }) => name)).toEqual([scratch.name]);
    expect(await run(shop.ownerUrl, 'SELECT count(*)::int AS n FROM outbox')).toEqual([{ n: 3 }]);
  });

  it('is asked for rows, also those that policies hide, and cannot be changed by a question', async () => {
    await shop.sql('ALTER TABLE outbox ENABLE ROW LEVEL SECURITY; ALTER TABLE outbox FORCE ROW LEVEL SECURITY');
    await shop.beside(`GRANT pg_read_all_data TO ${shop.database.name}_backup`);
    const rows = await shop.store.rows(shop.context, 'SELECT id, text FROM outbox ORDER BY id DESC LIMIT 2;');
    expect(rows).toEqual(['{"id": 3, "text": "mail 3"}', '{"id": 2, "text": "mail 2"}']);
    expect(await shop.store.rows(shop.context, 'SELECT * FROM generate_series(1, 900) -- all')).toHaveLength(500);
    const writes = `WITH gone AS (DELETE FROM outbox RETURNING 1) SELECT * FROM gone`;
    await expect(shop.store.rows(shop.context, writes)).rejects.toThrow();
    await expect(
      shop.store.rows(shop.context, 'SELECT 1) AS found LIMIT $1; COMMIT; TRUNCATE outbox; SELECT (1'),
    ).rejects.toThrow();
    expect(await run(shop.superuserUrl, 'SELECT count(*)::int AS n FROM outbox')).toEqual([{ n: 3 }]);
  });
});
