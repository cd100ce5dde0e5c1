import { execFile } from 'node:child_process';
import { appendFile, chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { StepContext } from '../../../../src/activities/context.js';
import { startPostgres, type PostgresServer } from '../../../../src/lib/dev-servers.js';
import { killableServer } from '../../../stack/killable-server.js';
import { makeShop } from './shop.js';

it('where WAL is archived, proofs and rehearsals go to a throwaway server, and where this host has none, to the live one, as preflight says', async () => {
  const server = await killableServer();
  const shop = await makeShop({ superuser: server.superuserUrl });
  try {
    await shop.sql('CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 100)');
    await shop.beside(`ALTER SYSTEM SET archive_mode = 'on'`);
    await shop.beside(`ALTER SYSTEM SET archive_command = 'true'`);
    const stored = await shop.store.backup(shop.context, shop.folder);
    const hosts: string[] = [];
    const read: StepContext['read'] = (request) => {
      if (request.argv[0]?.endsWith('pg_restore') && request.env?.PGHOST) hosts.push(request.env.PGHOST);
      return shop.context.read(request);
    };
    const without: StepContext['tools'] = {
      ...shop.context.tools,
      postgres: async (name, major) => {
        if (name === 'initdb') throw new Error('initdb is not on this host');
        return shop.context.tools.postgres(name, major);
      },
    };
    const looking = async (tools = shop.context.tools) => {
      const context = { ...shop.context, tools, read };
      hosts.length = 0;
      await shop.store.prove(context, shop.folder, stored);
      const check = (await shop.store.preflight(context)).find(({ name }) => name === 'shop: WAL of proofs');
      return [[...new Set(hosts)], check && `${check.must} ${check.outcome}: ${check.seen}`];
    };
    expect(await looking()).toEqual([['127.0.0.1'], undefined]);
    await server.crash();
    expect(await looking()).toEqual([[expect.stringContaining('/slipway-pg-')], 'warn pass: it starts']);
    expect(await looking(without)).toEqual([
      ['127.0.0.1'],
      'warn fail: initdb is not on this host: as much as the database holds is archived with each proof',
    ]);
    const scratch = await shop.store.scratch(shop.context, shop.folder, stored);
    expect(await shop.databases()).toEqual([shop.name]);
    await scratch.drop();
  } finally {
    await shop.close();
    await server.end();
  }
}, 600_000);

it('while a standby is connected, a proof sends it nothing: it is made on a throwaway server, and on the live one again once the standby has gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-standby-'));
  const { primary, standby } = await startPair(folder);
  const shop = await makeShop({ superuser: primary.superuserUrl });
  try {
    await shop.sql('CREATE TABLE orders (id int, text text)');
    await shop.sql(`INSERT INTO orders SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 5000) i`);
    const stored = await shop.store.backup(shop.context, shop.folder);
    const sent = async (): Promise<number> => {
      const position = async () => (await shop.beside('SELECT pg_current_wal_lsn() AS at'))[0]?.at as string;
      const before = await position();
      await shop.store.prove(shop.context, shop.folder, stored);
      const [row] = await shop.beside(`SELECT pg_wal_lsn_diff('${await position()}', '${before}')::int AS bytes`);
      return Number(row?.bytes);
    };
    const checked = async () =>
      (await shop.store.preflight(shop.context)).find(({ name }) => name === 'shop: WAL of proofs');

    expect(await checked()).toMatchObject({ must: 'warn', outcome: 'pass', expected: expect.stringContaining('sent to a standby') as string }); // prettier-ignore
    expect(await sent()).toBeLessThan(1e6);
    expect(await shop.databases()).toEqual([shop.name]);

    await standby.stop();
    expect(await sent()).toBeGreaterThan(4e6);
    expect(await checked()).toBeUndefined();
  } finally {
    await shop.close();
    await Promise.all([primary.stop(), standby.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
}, 600_000);

/** A server, and a standby of it that is made of a copy of its files. */
async function startPair(folder: string): Promise<Record<'primary' | 'standby', PostgresServer>> {
  const [first, second] = [join(folder, 'primary'), join(folder, 'standby')];
  await chmod(folder, 0o711);
  const once = await startPostgres({ folder: first });
  const { port, superuserUrl } = once;
  await once.stop();
  await promisify(execFile)('cp', ['-a', first, second]);
  await writeFile(join(second, 'data/standby.signal'), '');
  await appendFile(join(second, 'data/postgresql.auto.conf'), `primary_conninfo = '${superuserUrl}'\n`);
  const primary = await startPostgres({ folder: first, port });
  return { primary, standby: await startPostgres({ folder: second }) };
}
