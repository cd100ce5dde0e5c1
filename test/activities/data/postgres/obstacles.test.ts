import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killableServer, type KillableServer } from '../../../stack/killable-server.js';
import { makeShop, run, type Shop } from './shop.js';

describe('what a swap would leave behind, on a server that has it', { timeout: 600_000 }, () => {
  let server: KillableServer;
  let shop: Shop;
  beforeAll(async () => {
    server = await killableServer();
    await run(server.superuserUrl, 'ALTER SYSTEM SET max_prepared_transactions = 5');
    await run(server.superuserUrl, 'ALTER SYSTEM SET wal_level = logical');
    // Both want another start.
    await server.crash();
    shop = await makeShop({ superuser: server.superuserUrl });
  }, 600_000);
  afterAll(async () => {
    await shop?.close();
    await server?.end();
  });

  it.each([
    ['prepared transactions', `BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'x'`, `ROLLBACK PREPARED 'x'`, `'x'`],
    [
      'logical slots',
      `SELECT pg_create_logical_replication_slot('follower', 'pgoutput')`,
      `SELECT pg_drop_replication_slot('follower')`,
      'follower',
    ],
    [
      'subscriptions',
      `CREATE SUBSCRIPTION news CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)`,
      `ALTER SUBSCRIPTION news SET (slot_name = NONE); DROP SUBSCRIPTION news`,
      'news',
    ],
  ])('%s are NO-GO, by name', async (name, make, drop, seen) => {
    const found = async () =>
      (await shop.store.preflight(shop.context)).find((check) => check.name === `shop: ${name}`);
    await run(shop.superuserUrl, make);
    expect(await found()).toMatchObject({ outcome: 'fail', must: 'must', seen });
    for (const statement of drop.split('; ')) await run(shop.superuserUrl, statement);
    expect(await found()).toMatchObject({ outcome: 'pass', seen: 'none' });
  });
});
