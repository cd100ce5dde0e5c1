import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CommandRequest } from '../../../../src/activities/context.js';
import type { StoreBackup } from '../../../../src/activities/data/contract.js';
import { runSqlCheck } from '../../../../src/activities/checks/sql.js';
import { describeWithDocker } from '../../../stack/docker.js';
import { makeComposeShop, type ComposeShop } from './compose-shop.js';
import { essence, oddities } from './shop.js';

describeWithDocker('a PostgreSQL in a compose service, whose URL names its network', { timeout: 240_000 }, () => {
  let shop: ComposeShop;
  let backup: StoreBackup;

  beforeAll(async () => {
    shop = await makeComposeShop();
    await shop.sql(oddities('shop'));
    backup = await shop.store.backup(shop.context, shop.folder);
  }, 240_000);
  afterAll(() => shop?.remove());

  it('passes the checks, its room and its programs seen inside', async () => {
    await shop.beside('GRANT pg_read_all_settings TO shop_admin');
    const results = await shop.store.preflight(shop.context);
    // Nothing but the database runs here, so no application has a session.
    const remarks = results.filter(({ outcome }) => outcome !== 'pass').map(({ name, must }) => [name, must]);
    expect(remarks).toEqual([['main: in use', 'warn']]);
    expect(results.find(({ name }) => name === 'main: pg_dump')?.expected).toBe(
      'pg_dump for PostgreSQL 15 or newer in db',
    );
    expect(results.find(({ name }) => name === 'main: room for copies')?.seen).toContain('/var/lib/postgresql/data');
  });

  it('is dumped by the pg_dump of the service into a file of this host, and no password stands in an argument', async () => {
    expect((await stat(join(shop.folder, backup.file))).size).toBe(backup.bytes);
    expect(backup.contents.tables['Sales Dept.Order']?.rows).toBe(500);
    const env = await readFile(join(shop.folder, '.env'), 'utf8');
    const [, password = ''] = /:\/\/[^:]*:([^@]*)@/.exec(env) ?? [];
    expect(shop.store.byHand(shop.context, await shop.store.standby(shop.context)).join('\n')).not.toContain(password);
  });

  it('is proven by a restore inside, which leaves neither a database nor a file there', async () => {
    await shop.store.prove(shop.context, shop.folder, backup);
    expect((await shop.databases()).filter((name) => /__[pt]_/.test(name))).toEqual([]);
    expect(shop.docker('exec', shop.container(), 'ls', '/tmp')).not.toContain('slipway');
  });

  it('comes back from its copy, whole, and by hand from a shell alone', async () => {
    const record = await shop.store.standby(shop.context);
    await shop.sql('DELETE FROM events');
    await shop.store.swapIn(shop.context, record);
    expect(essence(await shop.store.backup(shop.context, shop.folder))).toEqual(essence(backup));
    const back = {
      ...record,
      copy: record.replaced,
      copyOid: record.live.oid,
      live: { ...record.live, oid: record.copyOid },
      replaced: record.copy,
    };
    const lines = ['set -eu', `cd ${shop.folder}`, '. ./.env', ...shop.store.byHand(shop.context, back)];
    await promisify(execFile)('sh', ['-c', lines.join('\n')]);
    expect(await shop.sql('SELECT count(*)::int AS n FROM events')).toEqual([{ n: 0 }]);
  });

  it('comes back by hand from a backup that stands for a copy', async () => {
    const stored = await shop.store.backup(shop.context, shop.folder);
    await shop.sql('CREATE TABLE later (id int)');
    const live = await shop.store.live(shop.context);
    const unused = { copy: '', copyOid: '', replaced: '', takenAt: '', counters: null };
    const record = { store: 'main', live, ...unused, backup: { folder: shop.folder, stored, why: 'no room' } };
    const lines = ['set -eu', `cd ${shop.folder}`, '. ./.env', ...shop.store.byHand(shop.context, record)];
    await promisify(execFile)('sh', ['-c', lines.join('\n')]);
    expect(await shop.sql(`SELECT to_regclass('later') AS later, (SELECT count(*)::int FROM events) AS n`)).toEqual([
      { later: null, n: 0 },
    ]);
  });

  it('comes back from its backup, and is asked by sql checks', async () => {
    const again = await shop.store.backup(shop.context, shop.folder);
    const record = await shop.store.restore(shop.context, shop.folder, again);
    await shop.sql("INSERT INTO events VALUES (1, date '2026-01-15')");
    await shop.store.swapIn(shop.context, record);
    const facts = { version: '', sha: '', url: '', domain: '', date: '', timestamp: '', run: '' };
    const step = shop.context;
    const { definition, env, cancelled: signal } = step;
    const asking = {
      definition,
      env,
      read: (request: CommandRequest) => step.read(request),
      look: (request: CommandRequest) => step.look(request),
      sqliteRows: () => Promise.reject(new Error('there is no SQLite here')),
      facts,
      baseUrl: '',
      signal,
    };
    expect(await runSqlCheck({ sql: 'SELECT count(*) FROM events', expect: 0 }, asking)).toMatchObject({ ok: true });
  });

  it('C12: comes back into a fresh volume, where the old one was lost with all that was in it', async () => {
    const kept = await shop.store.backup(shop.context, shop.folder);
    await shop.anew();
    expect((await shop.sql("SELECT to_regclass('events') AS events"))[0]).toEqual({ events: null });
    const record = await shop.store.restore(shop.context, shop.folder, kept);
    await shop.store.swapIn(shop.context, record);
    expect(essence(await shop.store.backup(shop.context, shop.folder))).toEqual(essence(kept));
  });

  it.each([
    ['URLs that name the port which it publishes here', true, () => `localhost:${shop.port}`],
    ['no published port at all', false, () => 'db:5432'],
  ])('is reached with %s', async (_how, publish, place) => {
    shop.env(place());
    if (!publish) await shop.up(publish);
    expect((await shop.store.live(shop.context)).name).toBe('shop');
    await shop.store.prove(shop.context, shop.folder, await shop.store.backup(shop.context, shop.folder));
  });

  it('is called unreachable while its service does not run', async () => {
    shop.docker('stop', '--time', '5', shop.container());
    await expect(shop.store.live(shop.context)).rejects.toThrow(/service db, which .* is in, does not run: start it/);
  });
});
