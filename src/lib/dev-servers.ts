import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { fail } from '../errors.js';
import { freePort, startServer, systemUser, type User } from './server-process.js';
import { findTools, type Tools } from './tools.js';

export interface TemporalServer {
  /** `127.0.0.1:port` */
  address: string;
  /** Empty when headless. */
  uiUrl: string;
  stop(): Promise<void>;
}

export interface PostgresServer {
  port: number;
  /** Holds a password: nobody else on the machine gets in. */
  superuserUrl: string;
  stop(): Promise<void>;
}

/** One history shard polls 20 times a second by default, which adds 50 ms to every step. */
const TUNING = ['transfer', 'timer', 'visibility'].flatMap((queue) => [
  '--dynamic-config-value',
  `history.${queue}ProcessorMaxPollRPS=5000`,
]);

/**
 * A Temporal dev server on 127.0.0.1 for tests and the demo: its database lies in `folder` and is used again by the next start there.
 * Returns once the namespace `default` answers; it ends with this process, however that ends. Ports are free ones unless given.
 * Throws ToolMissing, NotStarted.
 */
export async function startTemporal(options: {
  folder: string;
  port?: number;
  uiPort?: number;
  headless?: boolean;
  tools?: Tools;
}): Promise<TemporalServer> {
  const { folder, headless = false, tools = findTools() } = options;
  const program = await tools.find('temporal');
  await mkdir(folder, { recursive: true });
  const port = options.port ?? (await freePort());
  const uiPort = options.uiPort ?? (await freePort());
  const address = `127.0.0.1:${port}`;
  const argv = [program, 'server', 'start-dev', '--ip', '127.0.0.1', '--port', `${port}`, '--log-level', 'error'];
  argv.push('--db-filename', join(folder, 'temporal.db'));
  argv.push('--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL', ...TUNING);
  argv.push(...(headless ? ['--headless'] : ['--ui-port', `${uiPort}`, '--ui-ip', '127.0.0.1']));
  const server = startServer({ name: 'Temporal', argv, log: join(folder, 'temporal.log'), endWith: 'SIGTERM' });
  await server.ready(() => askNamespace(address), 60_000);
  return { address, uiUrl: headless ? '' : `http://127.0.0.1:${uiPort}`, stop: server.stop };
}

/**
 * A PostgreSQL server on 127.0.0.1 with its data in `<folder>/data`, used again by the next start there. As root it runs as `postgres` or
 * `nobody`, who must be able to enter every folder above `folder`. It ends with this process. Throws ToolMissing, NoRights, NotStarted.
 */
export async function startPostgres(options: {
  folder: string;
  port?: number;
  tools?: Tools;
}): Promise<PostgresServer> {
  const { folder, tools = findTools() } = options;
  const program = await tools.find('postgres');
  const user = await systemUser();
  await mkdir(folder, { recursive: true });
  if (user) await letEnter(folder, user.name);
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'superuser');
  if (!existsSync(data)) await initialise(join(dirname(program), 'initdb'), data, passwordFile, user);
  const password = await readFile(passwordFile, 'utf8');
  const port = options.port ?? (await freePort());
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    fsync: 'on',
  };
  const argv = [
    program,
    '-D',
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  // SIGINT is PostgreSQL's fast shutdown: sessions are ended, nothing is lost.
  const server = startServer({ name: 'PostgreSQL', argv, log: join(folder, 'postgres.log'), endWith: 'SIGINT', user });
  const superuserUrl = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  await server.ready(() => askDatabase(superuserUrl), 60_000);
  return { port, superuserUrl, stop: server.stop };
}

async function askNamespace(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' });
  } finally {
    await connection.close();
  }
}

async function askDatabase(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Made beside its place and renamed, so that one that was interrupted is not taken for a whole one. */
async function initialise(initdb: string, data: string, passwordFile: string, user?: User): Promise<void> {
  const folder = dirname(data);
  const unfinished = `${data}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 });
  if (user) for (const path of [unfinished, passwordFile]) await chown(path, user.uid, user.gid);
  const argv = [initdb, '-D', unfinished, '-U', 'postgres', '--encoding=UTF8', '--locale=C.UTF-8'];
  argv.push('--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync');
  await startServer({ name: 'initdb', argv, log: join(folder, 'initdb.log'), endWith: 'SIGTERM', user }).ended();
  await rename(unfinished, data);
}

/** A folder made by mkdtemp lets in its owner alone. */
async function letEnter(folder: string, user: string): Promise<void> {
  await chmod(folder, ((await stat(folder)).mode & 0o777) | 0o011);
  for (let above = dirname(folder); ; above = dirname(above)) {
    if (((await stat(above)).mode & 0o001) === 0) {
      throw fail(
        'NoRights',
        `PostgreSQL runs as ${user}, who may not enter ${above}: choose another folder, or chmod o+x ${above}`,
      );
    }
    if (dirname(above) === above) return;
  }
}
