// `npm run demo`: a real application is released, released again, fails, and is brought back with its data, by the commands that
// anybody would type. `--keep` leaves everything running until Ctrl-C.
import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { buildShop } from '../examples/shop/build.js';
import { dataConverter } from '../src/codec/data-converter.js';
import { createDatabase } from '../src/lib/dev-database.js';
import { startPostgres, startTemporal } from '../src/lib/dev-servers.js';
import { findTools } from '../src/lib/tools.js';
import type { HistoryEntry, Status } from '../src/model.js';

const keep = process.argv.includes('--keep');
const environment = 'shop/local';
const slipway = new URL('../dist/client.js', import.meta.url).pathname;
const folder = await mkdtemp(join(tmpdir(), 'slipway-demo-'));
const records = join(folder, 'records');
const endings: (() => Promise<void>)[] = [];
let ending = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void endAll().then(() => process.exit(130)));

try {
  await demo();
} catch (error) {
  console.error(`\nThe demo broke: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await endAll();
}

async function demo(): Promise<void> {
  await chmod(folder, 0o711);
  await mkdir(records);
  heading('A Temporal server with its UI, a PostgreSQL server, and the shop in three versions');
  const [temporal, postgres] = await Promise.all([
    startTemporal({ folder: join(folder, 'temporal') }),
    startPostgres({ folder: join(folder, 'postgres') }),
  ]);
  endings.push(
    () => temporal.stop(),
    () => postgres.stop(),
  );
  const database = await createDatabase(postgres.superuserUrl, 'shop');
  const shop = await buildShop({
    folder: join(folder, 'shop'),
    databaseUrls: { owner: database.ownerUrl, backup: database.backupUrl, admin: database.adminUrl },
  });
  endings.push(() => run('sh', ['scripts/stop.sh'], { cwd: shop.directory }).then(() => undefined));
  const variables = {
    TEMPORAL_ADDRESS: temporal.address,
    SLIPWAY_UI: temporal.uiUrl,
    SLIPWAY_STATE: records,
    SLIPWAY_SYSTEMS: shop.systems,
    SLIPWAY_USER: 'bob',
  };
  const worker = spawn(process.execPath, [slipway, 'worker', '--host', 'localhost'], {
    stdio: 'inherit',
    env: { ...process.env, ...variables },
  });
  endings.push(() => stop(worker));
  const client = new Client({ connection: await Connection.connect({ address: temporal.address }), dataConverter });
  endings.push(() => client.connection.close());
  await served(client, worker);
  console.log(`  UI ${temporal.uiUrl} · shop ${shop.url} · records ${records}`);
  const cli = (...argv: string[]) => shown(variables, argv);

  heading('1.0.0: the first release');
  await expectExit(
    0,
    approving(client, 'cli', variables, () => cli('deploy', environment, '1.0.0')),
  );
  heading('2.0.0: an additive migration, approved by a signal from the temporal CLI');
  await expectExit(
    0,
    approving(client, 'temporal', variables, () => cli('deploy', environment, '2.0.0', '--change', 'compatible')),
  );

  heading('People use it: 25 orders, placed through the application');
  for (let count = 1; count <= 25; count++) await order(shop.url, shop.token, count);
  const before = await everyRow(database.ownerUrl);
  console.log(`  ${sum(before)} rows in ${Object.keys(before).length} tables`);

  heading('3.0.0: a migration that rewrites a column, and code that gets it wrong');
  await expectExit(
    3,
    approving(client, 'cli', variables, () => cli('deploy', environment, '3.0.0', '--change', 'breaking')),
  );

  heading('The proof: every row, compared with what was there before 3.0.0');
  const after = await everyRow(database.ownerUrl);
  for (const [table, rows] of Object.entries(before)) compare(table, rows, after[table] ?? []);
  if (Object.keys(after).length !== Object.keys(before).length) throw new Error('there are other tables than before');
  const health = (await (await fetch(`${shop.url}/health`)).json()) as { status: string; version: string };
  console.log(`  ✔ ${shop.url}/health answers ${JSON.stringify(health)}`);
  if (health.version !== '2.0.0' || health.status !== 'ok') throw new Error('2.0.0 does not answer');

  heading('What happened');
  await cli('history', environment);
  const last = (await history(variables)).at(-1);
  const folderOfLast = join(records, environment, 'runs', last?.run ?? '');
  console.log(
    `\nReport   ${join(folderOfLast, 'report.md')}\nBy hand  ${join(folderOfLast, 'undo.md')}\nUI       ${temporal.uiUrl}/namespaces/default/workflows`,
  );
  if (keep) {
    console.log(
      `\nEverything still runs; Ctrl-C here ends it. In another terminal:\n${Object.entries(variables)
        .map(([name, value]) => `  export ${name}=${value}`)
        .join('\n')}\n  npx slipway status`,
    );
    await new Promise(() => setInterval(() => undefined, 60_000));
  }
}

/** Approves each gate that opens while a command runs: as a person would, by the CLI or by a plain signal. */
async function approving(
  client: Client,
  way: 'cli' | 'temporal',
  variables: Record<string, string>,
  start: () => Promise<number>,
): Promise<number> {
  let running = true;
  const exit = start().finally(() => (running = false));
  const said = new Set<string>();
  while (running) {
    const status = await client.workflow
      .getHandle(environment)
      .query<Status>('status')
      .catch(() => undefined);
    for (const { name, is, plan } of running ? (status?.questions ?? []) : []) {
      if (is !== 'gate' || said.has(plan)) continue;
      said.add(plan);
      await new Promise((wake) => setTimeout(wake, 600)); // so that the question stands above its answer
      if (way === 'cli') await shown(variables, ['approve', environment, name, '--plan', plan, '--by', 'ann']);
      else
        await signalled(variables, [
          'workflow',
          'signal',
          '--workflow-id',
          environment,
          '--name',
          'approve',
          '--input',
          JSON.stringify({ gate: name, by: 'ann', plan }),
        ]);
    }
    await new Promise((wake) => setTimeout(wake, 100));
  }
  return exit;
}

async function shown(variables: Record<string, string>, argv: string[]): Promise<number> {
  console.log(`\n$ slipway ${argv.join(' ')}`);
  return run(process.execPath, [slipway, ...argv], { env: { ...process.env, ...variables } });
}

async function signalled(variables: Record<string, string>, argv: string[]): Promise<void> {
  console.log(`\n$ temporal ${argv.map((word) => (word.includes('{') ? `'${word}'` : word)).join(' ')}`);
  if ((await run(await findTools().find('temporal'), argv, { env: { ...process.env, ...variables } })) !== 0)
    throw new Error('the signal was not taken');
}

function run(
  program: string,
  argv: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

async function history(variables: Record<string, string>): Promise<HistoryEntry[]> {
  const child = spawn(process.execPath, [slipway, 'history', environment, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return JSON.parse(text) as HistoryEntry[];
}

async function served(client: Client, worker: ChildProcess): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    if (worker.exitCode !== null) throw new Error('the worker did not start');
    const found = await client.workflowService
      .describeTaskQueue({ namespace: 'default', taskQueue: { name: environment }, taskQueueType: 2 })
      .catch(() => undefined);
    if (found?.pollers?.length) return;
    if (Date.now() > end) throw new Error('the worker does not serve within a minute');
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

async function order(url: string, token: string, count: number): Promise<void> {
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ customer: count, item: `Order ${count} of the demo`, total_cents: 1000 + count }),
  });
  if (response.status !== 201) throw new Error(`the shop answered ${response.status} to an order`);
}

async function everyRow(url: string): Promise<Record<string, string[]>> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    const { rows: tables } = await session.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
    );
    const found: Record<string, string[]> = {};
    for (const { name } of tables)
      found[name] = (
        await session.query<{ row: string }>(`SELECT t::text AS row FROM ${pg.escapeIdentifier(name)} t ORDER BY 1`)
      ).rows.map(({ row }) => row);
    return found;
  } finally {
    await session.end();
  }
}

function compare(table: string, before: string[], after: string[]): void {
  const same = before.length === after.length && before.every((row, index) => row === after[index]);
  console.log(
    `  ${same ? '✔' : '✖'} ${table.padEnd(16)} ${String(before.length).padStart(6)} rows${same ? ', each as it was' : `, now ${after.length}, not the same`}`,
  );
  if (!same) throw new Error(`${table} is not what it was`);
}

function sum(tables: Record<string, string[]>): number {
  return Object.values(tables).reduce((total, rows) => total + rows.length, 0);
}

async function expectExit(wanted: number, exit: Promise<number>): Promise<void> {
  const code = await exit;
  console.log(`  exit code ${code}`);
  if (code !== wanted) throw new Error(`exit code ${wanted} was expected`);
}

function heading(text: string): void {
  console.log(`\n── ${text}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

/** In reverse, each once. The records stay: they are what a run leaves. */
async function endAll(): Promise<void> {
  if (ending) return;
  ending = true;
  for (const end of endings.reverse()) await end().catch(() => undefined);
  for (const name of ['temporal', 'postgres', 'shop']) await rm(join(folder, name), { recursive: true, force: true });
}
