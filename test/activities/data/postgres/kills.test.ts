import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reversed } from '../../../../src/activities/records.js';
import { processesOf } from '../../../faults/processes.js';
import { compiled } from '../../../stack/compiled.js';
import type { Killed } from './killed.js';
import { makeShop, type Shop } from './shop.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? 20261121);
const rounds = Number(process.env.SLIPWAY_TEST_ROUNDS ?? 8);

describe(`a worker killed in the middle (seed ${seed})`, { timeout: 600_000 }, () => {
  let shop: Shop;

  beforeEach(async () => {
    shop = await makeShop();
    await shop.sql(`CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 1000)`);
  });
  afterEach(() => shop.close());

  const rows = async () => (await shop.sql('SELECT count(*)::int AS n FROM orders'))[0]?.n;

  /** Of the last one that was started to be killed. */
  let pid = 0;
  /** True if it was killed before it had ended. */
  const kill = async (
    act: Killed['act'],
    points: Pick<Killed, 'at' | 'delayMs'>,
    argument?: Killed['argument'],
  ): Promise<boolean> => {
    const program = await compiled(new URL('killed.ts', import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: ['pipe', 'inherit', 'inherit'] });
    child.stdin.end(
      JSON.stringify({ folder: shop.folder, env: `${shop.folder}/.env`, act, argument, ...points } satisfies Killed),
    );
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    pid = child.pid ?? 0;
    return signal === 'SIGKILL';
  };

  it('in a standby copy: the next attempt makes it whole, and the live database lets everybody in', async () => {
    const random = generator(seed);
    let killed = 0;
    for (let round = 0; round < rounds; round += 1) {
      killed += Number(await kill('standby', points(random, 34)));
      const record = await shop.store.standby(shop.context);
      expect(await rows()).toBe(1000);
      expect(await shop.store.has(shop.context, record)).toBe(true);
      expect(await shop.databases()).toEqual([shop.name, record.copy].sort());
      await shop.beside(`DROP DATABASE "${record.copy}"`);
    }
    expect(killed).toBeGreaterThanOrEqual(rounds / 2);
  });

  it('in a swap: the live name is the whole old or the whole new database, and the next attempt ends it', async () => {
    const random = generator(seed + 1);
    let killed = 0;
    const between = new Set<unknown>();
    for (let round = 0; round < rounds; round += 1) {
      const record = await shop.store.standby(shop.context);
      await shop.sql('INSERT INTO orders VALUES (7777)');
      killed += Number(await kill('swapIn', points(random, 22), record));
      const [{ oid } = {}] = await shop.beside(`SELECT oid::text FROM pg_database WHERE datname = '${shop.name}'`);
      expect([record.live.oid, record.copyOid]).toContain(oid);
      between.add(oid === record.copyOid ? 'new' : 'old');
      await shop.store.swapIn(shop.context, record);
      expect(await rows()).toBe(1000);
      expect(await shop.databases()).toEqual([shop.name, record.replaced].sort());
      expect(await shop.store.live(shop.context)).toMatchObject({ oid: record.copyOid });
      await shop.beside(`DROP DATABASE "${record.replaced}"`);
    }
    expect(killed).toBeGreaterThanOrEqual(rounds / 2);
    expect([...between].sort()).toEqual(['new', 'old']);
  });

  it('in a backup: what it left is no backup, and the next attempt takes a whole one there', async () => {
    const random = generator(seed + 3);
    const cut = join(shop.folder, 'cut');
    await mkdir(cut);
    let killed = 0;
    for (let round = 0; round < rounds / 4; round += 1) {
      killed += Number(await kill('backup', points(random, 30)));
      await shop.store.prove(shop.context, cut, await shop.store.backup(shop.context, cut));
      expect((await readdir(cut)).filter((name) => name.endsWith('.part'))).toEqual([]);
      expect(await shop.databases()).toEqual([shop.name]);
    }
    expect(killed).toBeGreaterThanOrEqual(1);
  });

  it('in a proof or a restore: the next attempt ends it, and no scratch is left', async () => {
    const random = generator(seed + 2);
    const backup = await shop.store.backup(shop.context, shop.folder);
    let killed = 0;
    for (let round = 0; round < rounds / 2; round += 1) {
      const act = round % 2 === 0 ? 'prove' : 'restore';
      killed += Number(await kill(act, points(random, 40), backup));
      await shop.store.prove(shop.context, shop.folder, backup);
      expect(await shop.databases()).toHaveLength(
        act === 'prove' ? 1 : (await shop.databases()).filter((name) => !/__[pt]_/.test(name)).length,
      );
      const record = await shop.store.restore(shop.context, shop.folder, backup);
      expect(await shop.databases()).toEqual([shop.name, record.copy].sort());
      expect(await rows()).toBe(1000);
      await shop.beside(`DROP DATABASE "${record.copy}"`);
    }
    expect(killed).toBeGreaterThanOrEqual(rounds / 4);
  });

  it('in a restore over the live database: it holds all of the old or all of the new, and the next attempt ends it', async () => {
    await shop.beside(`ALTER ROLE ${shop.name}_admin NOCREATEDB`);
    const backup = await shop.store.backup(shop.context, shop.folder);
    const record = await shop.store.restore(shop.context, shop.folder, backup);
    await shop.sql('INSERT INTO orders VALUES (7777)');
    // A killed attempt may have left it closed: whoever reads it next opens it first.
    const found = async () => {
      await shop.store.reopen(shop.context);
      return rows();
    };

    expect(await kill('swapIn', { at: ['ALTER ROLE'], delayMs: 'answered' }, record)).toBe(true);
    const server = join(tmpdir(), `slipway-pg-${pid}-`);
    expect(await found()).toBe(1001);

    expect(await kill('swapIn', { at: [noted, 'COMMIT'], delayMs: null }, record)).toBe(true);
    expect(await found()).toBe(1001);
    expect((await shop.store.live(shop.context)).oid).toBe(record.live.oid);
    // The throwaway server of the first went before the second began its own.
    expect(processesOf(server)).toEqual([]);
    expect((await readdir(tmpdir())).map((name) => join(tmpdir(), name)).filter((path) => path.startsWith(server))).toEqual([]); // prettier-ignore

    expect(await kill('swapIn', { at: [noted, 'COMMIT'], delayMs: 'answered' }, record)).toBe(true);
    expect(await found()).toBe(1000);
    expect((await shop.store.swapIn(shop.context, record)).note).toMatch(/already/);
    expect((await shop.store.live(shop.context)).oid).toBe(record.copyOid);
    expect(await shop.store.has(shop.context, reversed(record))).toBe(true);
    expect(await rows()).toBe(1000);
  });
});

/** How the transaction that restores gets its number, which is noted before anything is dropped. */
const noted = 'SELECT txid_current()';

function points(random: () => number, last: number): { at: number; delayMs: number | null } {
  return { at: 1 + Math.floor(random() * last), delayMs: random() < 0.4 ? null : Math.floor(random() * 30) };
}

/** mulberry32 */
function generator(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
