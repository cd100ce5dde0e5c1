import { createHash, randomUUID } from 'node:crypto';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection, WorkflowHandle } from '@temporalio/client';
import { buildShop } from '../../examples/shop/build.js';
import { sha256File } from '../../src/lib/files.js';
import type { Report, Status } from '../../src/model.js';
import { compiled, workflowBundle } from '../stack/compiled.js';
import { freshDatabase } from '../stack/database.js';
import { serve, type Served } from './serve.js';

/** The shop on real tools, with a worker in a process of its own, in a Temporal namespace of its own. */
export interface Stand extends Omit<Served, 'close'> {
  shop: Awaited<ReturnType<typeof buildShop>>;
  database: Awaited<ReturnType<typeof freshDatabase>>;
  /** Root of the host's records. */
  state: string;
  /** Lines that the shop's start and stop scripts left, one each time they ran. */
  ledger: () => Promise<string[]>;
}
export type Ended = Report & { failed: boolean };
export interface WorkerProcess {
  pid(): number;
  /** SIGKILL, awaited. */
  kill(): Promise<void>;
  /** SIGTERM, awaited. */
  stop(): Promise<void>;
  /** A new process in the place of a dead one; resolves when it serves. */
  restart(): Promise<void>;
}

export interface StandSettings {
  definition?: (yaml: string) => string;
  /** Changes the workflows' code. @default as it is */
  workflows?: (code: string) => string;
  /** Installs by the shop's own `npm ci`. @default a copy of what it makes */
  npm?: boolean;
  /** Outside vitest, or on servers of a test's own: Temporal's `host:port`, PostgreSQL's superuser. @default the suite's */
  servers?: { temporal?: string; postgres?: string };
}

export async function withStand(use: (stand: Stand) => Promise<void>, settings: StandSettings = {}): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-stand-'));
  await chmod(folder, 0o711);
  const database = await freshDatabase(settings.servers?.postgres);
  const shop = await buildShop({ folder: join(folder, 'shop'), databaseUrls: { owner: database.ownerUrl, backup: database.backupUrl, admin: database.adminUrl } });
  await keepLedger(shop.systems, join(folder, 'ledger'), settings.definition);
  if (!settings.npm) await installByCopy(shop.systems);
  const state = join(folder, 'state');
  if (settings.workflows) await keepBuild(state, settings.workflows(await workflowBundle()));
  const served = await serve('shop/local', { systems: shop.systems, state }, settings.servers?.temporal);
  try {
    await use({
      ...served, shop, database, state,
      ledger: async () => (await readFile(join(folder, 'ledger'), 'utf8').catch(() => '')).split('\n').filter(Boolean),
    });
  } finally {
    await served.close();
    spawnSync('sh', ['scripts/stop.sh'], { cwd: shop.directory });
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Approves what opens, until the run ends. */
export async function approveAll(handle: WorkflowHandle): Promise<Ended> {
  let ended: Ended | undefined;
  const over = ending(handle).then((report) => (ended = report));
  // Thrown below, by the race.
  over.catch(() => undefined);
  const said = new Set<string>();
  while (!ended) {
    const status = await handle.query<Status>('status').catch(() => undefined);
    for (const question of status?.questions ?? []) {
      if (said.has(question.plan + question.name)) continue;
      if (question.is !== 'gate') throw new Error(`${question.name} asks: ${question.text}`);
      said.add(question.plan + question.name);
      await handle.signal('approve', { gate: question.name, by: 'ann', plan: question.plan });
    }
    // Each look costs the workflow's worker, the server and this process some milliseconds.
    await Promise.race([over, new Promise((wake) => setTimeout(wake, 200))]);
  }
  return ended;
}

/** The report of a run, however it ended. */
export async function ending(handle: WorkflowHandle): Promise<Ended> {
  try {
    return { ...((await handle.result()) as Report), failed: false };
  } catch (error) {
    const report = (error as { cause?: { details?: [Report] } }).cause?.details?.[0];
    if (!report) throw error;
    return { ...report, failed: true };
  }
}

/** Waits until something holds, for at most three minutes. */
export async function until<T>(look: () => Promise<T | undefined | false>, ms = 180_000): Promise<T> {
  const end = Date.now() + ms;
  for (let pauseMs = 15; ; pauseMs = Math.min(pauseMs * 1.2, 150)) {
    const found = await look().catch(() => undefined);
    if (found) return found;
    if (Date.now() > end) throw new Error(`it did not come to that within ${ms} ms: ${look.toString()}`);
    await new Promise((wake) => setTimeout(wake, pauseMs));
  }
}

/** Namespaces keep what ends in a test of one stand from every other. */
export async function makeNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: { seconds: 86_400 as never } });
  await until(async () => {
    await connection.workflowService.listOpenWorkflowExecutions({ namespace });
    return true;
  });
}

export async function startProcess(settings: { stateRoot?: string; [name: string]: unknown }): Promise<WorkerProcess> {
  const path = await compiled(new URL('worker-process.ts', import.meta.url));
  const open = async () => {
    const build = await builtBefore(settings.stateRoot);
    const child = spawn(process.execPath, [path, JSON.stringify({ ...build, ...settings })], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((ready, failed) => {
      child.stdout.once('data', () => ready());
      child.once('exit', (code) => failed(new Error(`the worker ended with ${code}`)));
    });
    return child;
  };
  let child = await open();
  return {
    pid: () => child.pid ?? 0,
    kill: () => end(child, 'SIGKILL'),
    stop: () => end(child, 'SIGTERM'),
    restart: async () => {
      await end(child, 'SIGKILL');
      child = await open();
    },
  };
}

/** Bundling takes seconds, and only an uninstalled Slipway does it at each start: a restarted worker takes what the first one made. */
async function builtBefore(root?: string): Promise<{ build?: { id: string; codePath: string } }> {
  const [name] = root ? await readdir(join(root, 'builds')).catch(() => []) : [];
  return root && name ? { build: { id: name.replace('.js', ''), codePath: join(root, 'builds', name) } } : {};
}

/** Every worker takes the build that it finds there. */
async function keepBuild(root: string, code: string): Promise<void> {
  await mkdir(join(root, 'builds'), { recursive: true });
  await writeFile(join(root, 'builds', `${createHash('sha256').update(code).digest('hex').slice(0, 12)}.js`), code);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

/** The start and stop scripts note each time that they really run: what was done twice would stand there twice. */
async function keepLedger(systems: string, ledger: string, change: (yaml: string) => string = (yaml) => yaml): Promise<void> {
  const path = join(systems, 'shop.yaml');
  const noting = (name: string) => `[sh, -c, 'echo ${name} $(cat VERSION 2>/dev/null) >> ${ledger}; exec sh scripts/${name}.sh']`;
  let yaml = await readFile(path, 'utf8');
  for (const name of ['start', 'stop', 'open', 'close']) yaml = yaml.replace(`${name}: [sh, scripts/${name}.sh]`, `${name}: ${noting(name)}`);
  await writeFile(path, change(yaml));
}

/** What `npm ci` makes of the shop's lock takes seconds, is the same each time, and is no matter of most tests: made once, then copied. */
async function installByCopy(systems: string): Promise<void> {
  const version = new URL('../../examples/shop/versions/1.0.0/', import.meta.url).pathname;
  const hash = (await sha256File(join(version, 'package-lock.json'))).slice(0, 12);
  const modules = new URL(`../../.cache/shop-${hash}/`, import.meta.url).pathname;
  if (!existsSync(modules)) {
    const making = `${modules.slice(0, -1)}.${randomUUID().slice(0, 8)}`;
    await mkdir(making, { recursive: true });
    for (const name of ['package.json', 'package-lock.json']) await copyFile(join(version, name), join(making, name));
    const made = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: making, encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`npm ci of the shop failed: ${made.stderr}`);
    // Another test file may have been faster: then this one is thrown away.
    await rename(making, modules.slice(0, -1)).catch(() => rm(making, { recursive: true, force: true }));
  }
  const path = join(systems, 'shop.yaml');
  const yaml = await readFile(path, 'utf8');
  // Nobody writes into these four thousand files: on one disk links to them do, which take a twentieth of the time.
  const linked = statSync(modules).dev === statSync(systems).dev ? '-al' : '-a';
  const copied = yaml.replace(/install: \[\[npm, ci[^\]]*\]\]/, `install: [[cp, ${linked}, ${modules}node_modules, .]]`);
  if (copied === yaml) throw new Error('the definition of the shop installs in another way than was thought');
  await writeFile(path, copied);
}
