import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { postgresStore } from '../../../../src/activities/data/postgres/store.js';
import { killableServer } from '../../../stack/killable-server.js';
import { checkServer } from '../../../../src/activities/data/postgres/server.js';
import type { CheckResult } from '../../../../src/model.js';
import { makeShop, oddities, type Shop } from './shop.js';

describe('the checks before a release', () => {
  let shop: Shop;

  beforeEach(async () => {
    shop = await makeShop();
    await shop.sql(oddities(shop.database.name));
  });
  afterEach(() => shop.close());

  const failing = async (store = shop.store, of = shop): Promise<Record<string, string>> => {
    const results = await store.preflight(of.context);
    expect(await of.databases()).toEqual([of.name]);
    return Object.fromEntries(
      results.filter(({ outcome }) => outcome === 'fail').map((result: CheckResult) => [result.name, result.seen]),
    );
  };

  it('pass with three plain roles, and leave nothing behind', async () => {
    expect(await failing()).toEqual({});
    const definition = { ...shop.context.definition, backup: { directory: 'kept' } };
    const results = await shop.store.preflight({ ...shop.context, definition });
    expect(results.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['shop: rename', 'shop: carry over', 'shop: pg_dump', 'shop: room for the backup']),
    );
    // A relative one lies in the checkout, wherever the worker was started.
    expect(results.find(({ name }) => name === 'shop: room for the backup')?.expected).toContain(
      ` free in ${shop.folder}/kept/`,
    );
  });

  it('warn where an application runs of which no session is in the database that the definition names', async () => {
    const inUse = async (port: number) => {
      const processes = { start: ['true'], stop: ['true'], ports: [port], env: {}, timeoutMs: 1_000 };
      const definition = { ...shop.context.definition, runtime: { processes, open: 'at_start' as const } };
      const results = await shop.store.preflight({ ...shop.context, definition });
      const found = results.find(({ name }) => name === 'shop: in use');
      return found && [found.outcome, found.must, found.seen];
    };
    const application = createServer().listen(0, '127.0.0.1');
    await once(application, 'listening');
    const { port } = application.address() as AddressInfo;
    const none = `none: see that what runs uses ${shop.name}, and no other`;
    expect(await inUse(port)).toEqual(['fail', 'warn', none]);
    // Neither our own sessions nor those of other roles are the application's.
    const [other, own] = [shop.superuserUrl, shop.ownerUrl].map(
      (connectionString) => new Client({ connectionString, application_name: 'api' }),
    );
    await other!.connect();
    expect(await inUse(port)).toEqual(['fail', 'warn', none]);
    await own!.connect();
    expect(await inUse(port)).toEqual(['pass', 'warn', expect.stringMatching(/^api from /)]);
    await Promise.all([other!.end(), own!.end()]);
    await new Promise((closed) => application.close(closed));
    expect(await inUse(port)).toBeUndefined();
  });

  it('find that no connection is left for us', async () => {
    const at = { 'shop: connections': expect.stringMatching(/^\d of 9 are free$/) as string };
    await shop.beside(`ALTER DATABASE ${shop.name} CONNECTION LIMIT 9`);
    expect(await failing()).toEqual(at);
  });

  it('find that the clock of the server is another', async () => {
    const hourAhead = () => Date.now() + 3_600_000;
    const client = new Client({ connectionString: shop.ownerUrl });
    await client.connect();
    const [, clock] = await checkServer('shop', client, hourAhead).finally(() => client.end());
    expect(clock).toMatchObject({
      name: 'shop: clock',
      outcome: 'fail',
      seen: expect.stringMatching(/^3[56]\d\d\.\d s behind$/) as string,
    });
  });

  it('find an admin that is no member of the owner', async () => {
    await shop.beside(`REVOKE ${shop.database.name}_owner FROM ${shop.database.name}_admin`);
    expect(await failing()).toMatchObject({
      'shop: owners': `${shop.database.name}_owner`,
      'shop: create': expect.stringMatching(/must be member|must be able/) as string,
    });
  });

  it('find an admin that may set not all that is set', async () => {
    await shop.beside(`ALTER DATABASE ${shop.name} SET log_statement = 'all'`);
    expect(await failing()).toEqual({
      'shop: carry over': expect.stringMatching(/GRANT SET ON PARAMETER log_statement/) as string,
      'shop: way back': expect.stringMatching(/^none: /) as string,
    });
  });

  it('find a role with settings in the database that the admin is no member of', async () => {
    await shop.beside(`ALTER ROLE ${shop.database.name}_backup IN DATABASE ${shop.name} SET work_mem = '9MB'`);
    expect(await failing()).toEqual({
      'shop: carry over': expect.stringMatching(/permission denied/) as string,
      'shop: way back': expect.stringMatching(/^none: /) as string,
    });
  });

  it('find an admin that may not end the sessions of an application which is not the owner', async () => {
    await shop.beside(`REVOKE pg_signal_backend FROM ${shop.database.name}_admin`);
    const connections = { url: '$SHOP_BACKUP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' };
    expect(await failing(postgresStore('shop', connections))).toMatchObject({
      'shop: end sessions': expect.stringMatching(/must be a member|permission denied to terminate process/) as string,
      'shop: way back': expect.stringMatching(/^none: .*\(shop: end sessions: /) as string,
    });
  });

  it('find an admin that does not inherit what the owner may, and leave no scratch that it could not drop', async () => {
    await shop.beside(`ALTER ROLE ${shop.database.name}_admin NOINHERIT`);
    expect(await failing()).toMatchObject({
      'shop: create': expect.stringMatching(/_admin does not inherit the rights of t_.*_owner/) as string,
      'shop: way back': expect.stringMatching(/^none: /) as string,
    });
  });

  it('find that nobody may ask which server it is', async () => {
    const server = await killableServer();
    const other = await makeShop({ superuser: server.superuserUrl });
    try {
      const asked = 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC';
      await other.beside(asked);
      const told = 'permission denied for function pg_control_system';
      expect(await failing(other.store, other)).toEqual({
        'shop: server identity': expect.stringContaining(told) as string,
        'shop: way back': expect.stringContaining(told) as string,
      });
      await other.sql(asked, other.superuserUrl);
      const refused = expect.stringContaining(told) as string;
      expect(await failing(other.store, other)).toEqual({
        'shop: url logs in': refused,
        'shop: backup_url logs in': refused,
        'shop: admin_url logs in': refused,
      });
    } finally {
      await other.close();
      await server.end();
    }
  });

  it('C9: find a backup role that policies hide rows from', async () => {
    await shop.beside(`ALTER ROLE ${shop.database.name}_backup NOBYPASSRLS`);
    expect(await failing()).toEqual({ 'shop: row security': 'hides rows of public.leads' });
    await expect(shop.store.backup(shop.context, shop.folder)).rejects.toThrow(/row-level security|row security/);
  });

  it('find what the backup role cannot read', async () => {
    await shop.sql(`REVOKE SELECT ON LARGE OBJECT 424242 FROM ${shop.database.name}_backup`);
    expect(await failing()).toEqual({ 'shop: backup role reads everything': 'none on large object 424242' });
  });

  it("name a superuser's session, and what only a superuser can restore", async () => {
    const guest = new Client({ connectionString: shop.superuserUrl, application_name: 'report' });
    await guest.connect();
    try {
      await guest.query('CREATE TABLE theirs (x int); CREATE EXTENSION IF NOT EXISTS pageinspect');
      expect(await failing()).toEqual({
        'shop: superuser sessions': expect.stringMatching(/postgres \(report, pid \d+\)/) as string,
        'shop: owners': 'postgres',
        'shop: what only a superuser restores': 'extension pageinspect',
      });
    } finally {
      await guest.end();
    }
  });

  it('name a login that fails, never its password', async () => {
    await shop.beside(`ALTER ROLE ${shop.database.name}_backup NOLOGIN`);
    const seen = await failing();
    expect(Object.keys(seen)).toEqual(['shop: backup_url logs in']);
    expect(seen['shop: backup_url logs in']).not.toContain(new URL(shop.ownerUrl).password);
  });
});
