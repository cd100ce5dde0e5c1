import { expect, it } from 'vitest';
import type { StepContext } from '../../../../src/activities/context.js';
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
}, 60_000);
