import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { urlOfDatabase } from '../../../../src/activities/data/postgres/address.js';
import type { StandbyRecord } from '../../../../src/activities/data/contract.js';
import { failureType } from '../../../../src/errors.js';
import { makeShop, run, type Shop } from './shop.js';

describe('a standby copy', () => {
  let shop: Shop;

  beforeEach(async () => {
    shop = await makeShop();
    await shop.sql(`CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 100)`);
  });
  afterEach(() => shop.close());

  const failure = async (act: Promise<unknown>): Promise<string | undefined> =>
    failureType(await act.catch((error: unknown) => error));

  it('brings the rows back, and what it replaced is kept whole', async () => {
    const record = await shop.store.standby(shop.context);
    await shop.sql('DELETE FROM orders; INSERT INTO orders VALUES (7777)');
    await shop.store.swapIn(shop.context, record);
    expect(await shop.sql('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 100 }]);
    await shop.beside(`ALTER DATABASE "${record.replaced}" ALLOW_CONNECTIONS true`);
    expect(await run(urlOfDatabase(shop.ownerUrl, record.replaced), 'SELECT id FROM orders')).toEqual([{ id: 7777 }]);
    expect(await shop.databases()).toEqual([shop.name, record.replaced].sort());
  });

  it('is swapped in once: the second time nothing is done', async () => {
    const record = await shop.store.standby(shop.context);
    await shop.store.swapIn(shop.context, record);
    await shop.sql('INSERT INTO orders VALUES (5000)');
    const { note } = await shop.store.swapIn(shop.context, record);
    expect(note).toMatch(/already/);
    expect(await shop.sql('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 101 }]);
  });

  it('goes back where it came from when the swap is taken back', async () => {
    const record = await shop.store.standby(shop.context);
    await shop.sql('INSERT INTO orders VALUES (7777)');
    await shop.store.swapIn(shop.context, record);
    const { copy, copyOid, live, replaced } = record;
    await shop.store.swapIn(shop.context, {
      ...record,
      copy: replaced,
      copyOid: live.oid,
      live: { ...live, oid: copyOid },
      replaced: copy,
    });
    expect(await shop.sql('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 101 }]);
    expect(await shop.store.live(shop.context)).toEqual(live);
    expect(await shop.store.has(shop.context, record)).toBe(false);
    expect(await failure(shop.store.standby(shop.context))).toBe('DataRefused');
  });

  it('is made once: the second time the same one is found', async () => {
    const record = await shop.store.standby(shop.context);
    await shop.sql('INSERT INTO orders VALUES (5000)');
    expect(await shop.store.standby(shop.context)).toEqual(record);
  });

  it.each([
    ['the live database has another oid', (r: StandbyRecord) => ({ ...r, live: { ...r.live, oid: '1' } })],
    ['the server is another', (r: StandbyRecord) => ({ ...r, live: { ...r.live, system: '7' } })],
    ['the copy has another oid', (r: StandbyRecord) => ({ ...r, copyOid: '99999999' })],
    ['the live database has another name', (r: StandbyRecord) => ({ ...r, live: { ...r.live, name: 'postgres' } })],
    ['the copy never was finished', (r: StandbyRecord) => r],
    ['the name for the replaced one is taken', (r: StandbyRecord) => ({ ...r, replaced: r.copy })],
  ])('C24: is refused when %s, and the live one stays as it is', async (why, change) => {
    const record = await shop.store.standby(shop.context);
    if (why.includes('finished')) await shop.beside(`COMMENT ON DATABASE "${record.copy}" IS NULL`);
    const before = await shop.databases();
    expect(await failure(shop.store.swapIn(shop.context, change(record)))).toBe('DataRefused');
    expect(await shop.databases()).toEqual(before);
    expect(await shop.sql('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 100 }]);
  });

  it('that was begun by a killed attempt is begun again', async () => {
    const { copy } = await shop.store.standby(shop.context);
    await shop.beside(`COMMENT ON DATABASE "${copy}" IS NULL`);
    await shop.beside(`ALTER DATABASE "${shop.name}" ALLOW_CONNECTIONS false`);
    const again = await shop.store.standby(shop.context);
    expect(again.copy).toBe(copy);
    expect(await shop.store.has(shop.context, again)).toBe(true);
    expect(await shop.sql('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('names the superuser session that it cannot end, and lets everybody in again', { timeout: 40_000 }, async () => {
    const guest = new Client({ connectionString: shop.superuserUrl, application_name: 'nightly report' });
    await guest.connect();
    try {
      await expect(shop.store.standby(shop.context)).rejects.toThrow(/nightly report/);
      expect(await shop.sql('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(await shop.databases()).toEqual([shop.name]);
    } finally {
      await guest.end();
    }
  });

  it('is not made while another run works on the database', async () => {
    const other = new Client({
      connectionString: urlOfDatabase(shop.adminUrl, 'postgres'),
      application_name: 'slipway:other-run',
    });
    await other.connect();
    try {
      await other.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`slipway:${shop.name}`]);
      await expect(shop.store.standby(shop.context)).rejects.toThrow(/other-run is at work/);
    } finally {
      await other.end();
    }
  });

  it('is made although an earlier attempt still sleeps, whose session ends: it can do nothing any more', async () => {
    const sleeper = new Client({
      connectionString: urlOfDatabase(shop.adminUrl, 'postgres'),
      application_name: `slipway:${shop.context.run.id}`,
    });
    sleeper.on('error', () => undefined);
    await sleeper.connect();
    await sleeper.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`slipway:${shop.name}`]);
    expect(await shop.store.has(shop.context, await shop.store.standby(shop.context))).toBe(true);
    await expect(sleeper.query('SELECT 1')).rejects.toThrow();
    await sleeper.end().catch(() => undefined);
  });

  it('C7: is swapped in by one transaction where the application is stopped: whoever knocks meanwhile finds it closed once, and never gone', async () => {
    const record = await shop.store.standby(shop.context);
    const seen: string[] = [];
    const note = (what: string) => void (seen.at(-1) === what || seen.push(what));
    let swapped = false;
    const knock = async () => {
      for (let last = false; !last;) {
        last = swapped;
        await run(shop.ownerUrl, 'SELECT oid::text AS oid FROM pg_database WHERE datname = current_database()').then(
          ([row]) => note(String(row?.oid)),
          ({ code }: { code?: string }) => note(code === '57P01' ? 'ended' : (code ?? 'cut off')),
        );
      }
    };
    const knocking = knock();
    await shop.store.swapIn(shop.context, record).finally(() => (swapped = true));
    await knocking;
    // 55000: it takes no connection. A session of that moment may be ended.
    expect(seen.filter((what) => !['55000', 'ended', 'cut off'].includes(what))).toEqual([
      record.live.oid,
      record.copyOid,
    ]);
    const rows = await shop.beside(
      `SELECT DISTINCT xmin::text FROM pg_database WHERE oid IN (${record.live.oid}, ${record.copyOid})`,
    );
    expect(rows).toHaveLength(1);
  });

  it('C7: that loses its session while it renames leaves the live name open when it fails, and goes through later', async () => {
    const record = await shop.store.standby(shop.context);
    const before = await shop.databases();
    const holder = new Client({ connectionString: urlOfDatabase(shop.superuserUrl, 'postgres') });
    await holder.connect();
    try {
      // The rename waits for this, with the live database closed.
      await holder.query('BEGIN');
      await holder.query(`COMMENT ON DATABASE "${record.copy}" IS 'held'`);
      const swapping = shop.store.swapIn(shop.context, record).then(() => 'swapped', String);
      const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%RENAME TO "${record.replaced}"%'`;
      while ((await shop.beside(end)).length === 0);
      expect(await swapping).toMatch(/terminat/);
      expect(await shop.sql('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 100 }]);
      expect(await shop.databases()).toEqual(before);
      expect(await shop.store.live(shop.context)).toEqual(record.live);
    } finally {
      await holder.end();
    }
    await shop.store.swapIn(shop.context, record);
    expect(await shop.store.live(shop.context)).toMatchObject({ oid: record.copyOid });
  });

  it('C7: is swapped in under 20 clients that reconnect at once: each goes on, on the new one', async () => {
    const record = await shop.store.standby(shop.context);
    await shop.sql('INSERT INTO orders VALUES (7777)');
    const ends: Promise<Hammer>[] = [];
    let stop = false;
    for (let index = 0; index < 20; index += 1) ends.push(hammer(shop.ownerUrl, () => stop));
    await Promise.all((await Promise.all(ends)).map(({ first }) => first));
    const { data } = await shop.store.swapIn(shop.context, record);
    const clients = await Promise.all(ends);
    await Promise.all(clients.map(({ sees }) => sees(100)));
    stop = true;
    const results = await Promise.all(clients.map(({ ended }) => ended));
    const longest = Math.max(...results.map(({ gapMs }) => gapMs));
    console.log(`swap ${JSON.stringify(data)} ms, longest gap ${longest.toFixed(0)} ms`);
    expect(results.map(({ last }) => last)).toEqual(Array(20).fill(100));
    expect(results.every(({ seen }) => [...seen].every((count) => count === 100 || count === 101))).toBe(true);
    expect(longest).toBeLessThan(5_000);
  });
});

interface Hammer {
  first: Promise<void>;
  sees: (count: number) => Promise<void>;
  ended: Promise<{ gapMs: number; last: number; seen: Set<number> }>;
}

/** Counts over and over, and logs in again at once whenever it is thrown out. */
async function hammer(url: string, stop: () => boolean): Promise<Hammer> {
  const seen = new Set<number>();
  let [gapMs, last, good] = [0, 0, performance.now()];
  let began = () => {};
  const first = new Promise<void>((resolve) => (began = resolve));
  const loop = async () => {
    while (!stop()) {
      const client = new Client({ connectionString: url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!stop()) {
          const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM orders');
          gapMs = Math.max(gapMs, performance.now() - good);
          [last, good] = [rows[0]!.n, performance.now()];
          seen.add(last);
          began();
        }
      } catch {
        // thrown out: at once again
      } finally {
        await client.end().catch(() => undefined);
      }
    }
    return { gapMs, last, seen };
  };
  const ended = loop();
  await first;
  const sees = async (count: number) => {
    for (const deadline = Date.now() + 10_000; last !== count;) {
      if (Date.now() > deadline) throw new Error(`still ${last} rows`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  good = performance.now();
  gapMs = 0;
  return { first, sees, ended };
}
