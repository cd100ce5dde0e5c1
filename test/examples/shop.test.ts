import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildShop, type Shop } from '../../examples/shop/build.js';
import { loadPeople } from '../../src/definition/people.js';
import { loadDefinition, validateFile } from '../../src/definition/load.js';
import { unbuilt } from '../../src/definition/unbuilt.js';
import { freshDatabase, type TestDatabase } from '../stack/database.js';

let folder: string;
let database: TestDatabase;
let shop: Shop;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-shop-'));
  database = await freshDatabase();
  shop = await build(join(folder, 'shop'));
});
afterAll(async () => {
  await run('sh', 'scripts/stop.sh').catch(() => undefined); // there is no such script before 1.0.0
  await database.drop();
  await rm(folder, { recursive: true });
});

describe('buildShop', () => {
  it('makes the same commits every time, and a clone on which nothing is deployed', async () => {
    const again = await build(join(folder, 'again'));
    expect(again.shas).toEqual(shop.shas);
    expect(await run('git', 'tag')).toBe('v1.0.0\nv2.0.0\nv3.0.0');
    expect(await run('git', 'rev-parse', 'HEAD')).toBe(await run('git', 'rev-parse', 'v1.0.0~1'));
    expect(await run('git', 'ls-files')).toBe('.gitignore\nREADME.md');
  });

  it('keeps the secrets out of Git and out of the reach of others', async () => {
    expect(await run('git', 'status', '--porcelain')).toBe('');
    expect((await stat(join(shop.directory, '.env'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(shop.systems, 'shop.yaml'), 'utf8')).not.toContain(shop.token);
  });

  it('writes a definition that loads and that this build can run, with its people', async () => {
    const checked = await validateFile(join(shop.systems, 'shop.yaml'));
    expect(checked).toEqual({ environments: ['shop/local'], errors: [], warnings: [] });
    const definition = await loadDefinition(shop.systems, 'shop/local');
    expect(definition).toMatchObject({ directory: shop.directory, url: shop.url, host: 'localhost' });
    expect(unbuilt(definition)).toEqual([]);
    expect(Object.keys(await loadPeople(shop.systems))).toEqual(['ann', 'ben', 'bob']);
  });
});

describe('the shop', () => {
  it('answers 503 on /health while its database is out of reach, and 200 once it is back', async () => {
    await release('1.0.0');
    await query(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS false`);
    await run('sh', 'scripts/start.sh');
    expect((await get('/health')).status).toBe(503);
    await query(`ALTER DATABASE ${database.name} ALLOW_CONNECTIONS true`);
    const { status, json } = await get('/health');
    expect(status).toBe(200);
    expect(json).toEqual({ status: 'ok', version: '1.0.0', sha: shop.shas['1.0.0'] });
  });

  it('starts closed, opens and closes, and each twice without harm', async () => {
    await run('sh', 'scripts/start.sh');
    expect(await answers(shop.publicPort)).toBe(false);
    for (const times of [1, 2]) expect(await run('sh', 'scripts/open.sh'), `open ${times}`).toBe('');
    expect((await fetch(`${shop.url}/health`)).status).toBe(200);
    for (const times of [1, 2]) expect(await run('sh', 'scripts/close.sh'), `close ${times}`).toBe('');
    expect(await answers(shop.publicPort)).toBe(false);
    expect((await get('/health')).status).toBe(200);

    for (const times of [1, 2]) expect(await run('sh', 'scripts/stop.sh'), `stop ${times}`).toBe('');
    expect(await answers(shop.closedPort)).toBe(false);
    expect(await run('sh', 'scripts/close.sh')).toBe('');
    await expect(run('sh', 'scripts/open.sh')).rejects.toThrow('ECONNREFUSED');
    await run('sh', 'scripts/start.sh');
  });

  it('takes orders with the token alone, and takes up its work after the server has ended its sessions', async () => {
    const order = { customer: 1, item: 'teapot', total_cents: 1995 };
    expect((await send('POST', '/orders', order, 'wrong')).status).toBe(401);
    const before = await get('/reports/revenue');
    expect(before.json).toMatchObject({ orders: 5000, consistent: true });
    const made = await send('POST', '/orders', order);
    expect(made.status).toBe(201);

    await query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}'`);
    const after = await get('/reports/revenue');
    expect(after.json).toMatchObject({ orders: 5001, consistent: true });
    expect((await send('DELETE', `/orders/${made.json.id}`)).status).toBe(200);
    expect(await get('/reports/revenue')).toEqual(before);
  });

  it('leaves a checkout that Git calls clean while it runs', async () => {
    expect(await run('git', 'status', '--porcelain')).toBe('');
  });

  it('runs with the code of 1.0.0 on the schema of 2.0.0', async () => {
    await run('sh', 'scripts/stop.sh');
    await release('2.0.0');
    await checkOut('1.0.0');
    await run('sh', 'scripts/start.sh');
    expect((await get('/customers/1')).json).toMatchObject({ id: 1, email: 'customer1@example.com' });
    const made = await send('POST', '/orders', { customer: 2, item: 'jar', total_cents: 500 });
    expect(made.status).toBe(201);
    expect((await get('/reports/revenue')).json).toMatchObject({ orders: 5001, consistent: true });
    await run('sh', 'scripts/stop.sh');
  });

  it('gives points and coupons in 2.0.0', async () => {
    await checkOut('2.0.0');
    await run('sh', 'scripts/start.sh');
    const [{ id }] = (await query('SELECT id FROM customers ORDER BY loyalty_points DESC LIMIT 1')) as [{ id: number }];
    expect((await get(`/customers/${id}/coupons`)).json.coupons).toContainEqual({
      code: 'THANKS5',
      percent: 5,
      points: 100,
    });
    expect((await get('/reports/revenue')).json).toMatchObject({ consistent: true });
    await run('sh', 'scripts/stop.sh');
  });

  it('is healthy in 3.0.0, but has lost the cents', async () => {
    await release('3.0.0');
    await run('sh', 'scripts/start.sh');
    expect((await get('/health')).json).toMatchObject({ status: 'ok', version: '3.0.0' });
    expect((await get('/customers/1')).status).toBe(200);
    const { status, json } = await get('/reports/revenue');
    expect(status).toBe(200);
    expect(json.consistent).toBe(false);
    expect(Number(json.paid_cents) - Number(json.revenue_cents)).toBeGreaterThan(0);
  });
});

const build = (place: string): Promise<Shop> =>
  buildShop({
    folder: place,
    databaseUrls: { owner: database.ownerUrl, backup: database.backupUrl, admin: database.adminUrl },
  });

/** As a person would: the code, its dependencies, its migrations. */
async function release(version: string): Promise<void> {
  await checkOut(version);
  await run('npm', 'ci', '--no-audit', '--no-fund', '--prefer-offline');
  await run('node_modules/.bin/sequelize-cli', 'db:migrate');
}

const checkOut = (version: string): Promise<string> => run('git', 'checkout', '--quiet', '--detach', `v${version}`);

/** A program in the live checkout; its output, and in its failure what it complained of. */
async function run(program: string, ...argv: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, argv, { cwd: shop.directory, timeout: 60_000 });
  return stdout.trim();
}

async function get(path: string): Promise<Answer> {
  return read(await fetch(shop.closedUrl + path));
}

async function send(method: string, path: string, body?: object, token = shop.token): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` };
  return read(await fetch(shop.closedUrl + path, { method, headers, body: body && JSON.stringify(body) }));
}

interface Answer {
  status: number;
  json: Record<string, unknown>;
}

const read = async (answer: Response): Promise<Answer> => ({
  status: answer.status,
  json: (await answer.json()) as Record<string, unknown>,
});

/** As superuser, from another database where this one lets nobody in. */
async function query(sql: string): Promise<unknown[]> {
  const url = new URL(database.superuserUrl);
  if (sql.startsWith('ALTER DATABASE')) url.pathname = 'postgres';
  if (sql.includes('pg_terminate_backend')) url.pathname = 'postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false)).once('connect', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}
