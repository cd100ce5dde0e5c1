import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StandbyRecord } from '../../src/activities/data/contract.js';
import { makeShop, type Shop } from '../activities/data/postgres/shop.js';
import { killableServer } from '../stack/killable-server.js';
import { generator } from './generator.js';

export interface ServerKills {
  runs: number;
  /** Acts that the kill broke off; the others had ended. */
  broken: number;
  /** Folders that the dead server left, as they are reported. */
  orphans: number;
  faults: string[];
}

const acts = ['backup', 'prove', 'standby', 'swapIn', 'restore'] as const;

/** The database server killed at a random moment of each act, and started again: the second attempt ends right, whatever the first came to. */
export async function runServerKills(options: {
  seed: number;
  count: number;
  say: (line: string) => void;
}): Promise<ServerKills> {
  const random = generator(options.seed);
  const server = await killableServer();
  const result: ServerKills = { runs: 0, broken: 0, orphans: 0, faults: [] };
  try {
    const shop = await makeShop({ superuser: server.superuserUrl });
    await shop.sql('CREATE TABLE orders (id int PRIMARY KEY, text text)');
    await shop.sql(`INSERT INTO orders SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 20000) i`);
    for (let turn = 0; turn < options.count; turn += 1) {
      const act = acts[turn % acts.length]!;
      const { broken, faults } = await killIn(shop, act, random, server.crash);
      result.runs += 1;
      result.broken += Number(broken);
      result.faults.push(...faults.map((fault) => `${act}: ${fault}`));
      options.say(
        `${turn + 1}: killed in ${act}${broken ? '' : ', which had ended'}${faults.length > 0 ? `: ${faults.join('; ')}` : ''}`,
      );
    }
    result.orphans = (await shop.store.kept(shop.context)).filter(({ is }) => is === 'orphan').length;
    await shop.close();
    return result;
  } finally {
    await server.end();
  }
}

async function killIn(
  shop: Shop,
  act: (typeof acts)[number],
  random: () => number,
  crash: () => Promise<void>,
): Promise<{ broken: boolean; faults: string[] }> {
  const { store, context, folder } = shop;
  const backup = await store.backup(context, folder);
  const record = act === 'swapIn' ? await store.standby(context) : undefined;
  const again = join(folder, 'again');
  await rm(again, { recursive: true, force: true });
  await mkdir(again);
  const attempt = (): Promise<unknown> => {
    if (act === 'backup') return store.backup(context, again);
    if (act === 'prove') return store.prove(context, folder, backup);
    if (act === 'restore') return store.restore(context, folder, backup);
    return record ? store.swapIn(context, record) : store.standby(context);
  };
  const longest = { backup: 400, prove: 900, standby: 400, swapIn: 60, restore: 900 }[act];
  const first = attempt().then(
    () => false,
    () => true,
  );
  await sleep(random() * longest);
  await crash();
  const broken = await first;
  const made = await attempt();
  const faults: string[] = [];
  const rows = await shop
    .sql('SELECT count(*)::int AS n FROM orders')
    .catch((error: unknown) => [{ n: String(error) }]);
  if (rows[0]?.n !== 20000) faults.push(`the live database answers ${String(rows[0]?.n)}`);
  const copy = act === 'standby' || act === 'restore' ? (made as StandbyRecord).copy : record?.replaced;
  const left = (await shop.databases()).filter((name) => name !== shop.name && name !== copy);
  if (left.length > 0) faults.push(`left: ${left.join(', ')}`);
  if (copy) await shop.beside(`DROP DATABASE "${copy}"`);
  return { broken, faults };
}
