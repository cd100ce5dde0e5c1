import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresStore } from '../../../../src/activities/data/postgres/store.js';
import type { Store } from '../../../../src/activities/data/contract.js';
import { createDatabase } from '../../../../src/lib/dev-database.js';
import { freePort } from '../../../../src/lib/server-process.js';
import type { Definition } from '../../../../src/model.js';
import { baseImage, docker, removeAll, uniqueName } from '../../../stack/docker.js';
import { definitionOf, stepContext, type TestStep } from '../../step-context.js';
import { run } from './shop.js';

/** Debian's PostgreSQL 15 in a compose service `db`, whose data lies in a volume of the project. */
export interface ComposeShop {
  store: Store;
  context: TestStep;
  /** Of an attempt that follows one which was killed. */
  again: TestStep;
  definition: Definition;
  folder: string;
  name: string;
  port: number;
  /** On the live database, as its owner. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  beside(text: string): Promise<Record<string, unknown>[]>;
  databases(): Promise<string[]>;
  /** URLs in env_file as one writes them: for the network (`db:5432`) or for this host. */
  env(place: string): void;
  /** The project with its volume is gone; a new server in a fresh one has the roles again, and an empty database. */
  anew(): Promise<void>;
  /** Up again, with that published port, or none. */
  up(publish: boolean): Promise<void>;
  /** Once the server does, after it was started again. */
  answering(): Promise<void>;
  docker: typeof docker;
  container(): string;
  remove(): void;
}

const image = 'slipway-test-postgres:15';
const data = '/var/lib/postgresql/data';

export async function makeComposeShop(): Promise<ComposeShop> {
  buildImage();
  const project = uniqueName();
  const folder = mkdtempSync(join(tmpdir(), `${project}-`));
  const port = await freePort();
  const superuser = `postgres://postgres:tests-only@127.0.0.1:${port}/postgres`;
  const definition = definitionOf(folder, {
    env_file: '.env',
    runtime: { compose: { project, services: ['web'], observeMs: 300, timeoutMs: 60_000 }, open: 'at_start' },
  });
  const compose = (...argv: string[]) =>
    docker('compose', '--project-directory', folder, '--project-name', project, ...argv);
  const up = async (publish: boolean) => {
    writeFileSync(join(folder, 'compose.yaml'), composeFile(publish ? port : undefined));
    compose('up', '--detach', '--quiet-pull');
    if (publish) await answering(superuser);
    else compose('exec', '-T', 'db', 'timeout', '60', 'sh', '-c', isReady);
  };
  try {
    await up(true);
    let database = await createDatabase(superuser, 'shop');
    const env = join(folder, '.env');
    const own = { ...definition, databases: { main: { postgres: connections } } };
    const context = (attempt: number) =>
      stepContext({ definition: own, folder: join(folder, 'run'), home: folder, env, attempt });
    const shop: ComposeShop = {
      definition: own,
      folder,
      name: database.name,
      port,
      store: postgresStore('main', connections),
      get context() {
        return context(1);
      },
      get again() {
        return context(2);
      },
      sql: (text) => run(database.ownerUrl, text),
      beside: (text) => run(superuser, text),
      databases: async () =>
        (await run(superuser, `SELECT datname FROM pg_database WHERE datname ~ '^shop' ORDER BY 1`)).map(
          (row) => row.datname as string,
        ),
      env: (place) => {
        const at = (url: string) => url.replace(`127.0.0.1:${port}`, place);
        const lines = {
          SHOP_URL: at(database.ownerUrl).replace(/^postgres(ql)?:/, 'postgresql+asyncpg:'),
          SHOP_BACKUP_URL: at(database.backupUrl),
          SHOP_ADMIN_URL: at(database.adminUrl),
        };
        writeFileSync(
          env,
          Object.entries(lines)
            .map(([key, value]) => `${key}='${value}'\n`)
            .join(''),
        );
      },
      anew: async () => {
        compose('down', '--volumes', '--timeout', '5');
        await up(true);
        database = await createDatabase(superuser, 'shop');
        shop.env('db:5432');
      },
      up,
      answering: () => answering(superuser),
      docker,
      container: () => compose('ps', '--quiet', 'db'),
      remove: () => {
        removeAll(project);
        rmSync(folder, { recursive: true, force: true });
      },
    };
    shop.env('db:5432');
    return shop;
  } catch (error) {
    removeAll(project);
    throw error;
  }
}

const isReady = 'until /usr/lib/postgresql/15/bin/pg_isready -q; do sleep 0.1; done';
const connections = { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL', in: 'db' };

function composeFile(port: number | undefined): string {
  return `services:
  web:
    image: ${baseImage}
    command: [sleep, infinity]
    stop_grace_period: 0s
  db:
    image: ${image}
    stop_signal: SIGINT
    volumes: [data:/var/lib/postgresql]
${port === undefined ? '' : `    ports: ["127.0.0.1:${port}:5432"]`}
volumes: { data: {} }
`;
}

/** Once for all tests: packages come from Debian. */
function buildImage(): void {
  if (spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status === 0) return;
  const folder = mkdtempSync(join(tmpdir(), 'slipway-image-'));
  const start = `#!/bin/sh
set -eu
as="setpriv --reuid postgres --regid postgres --init-groups"
bin=/usr/lib/postgresql/15/bin
if [ ! -d ${data} ]; then
  chown postgres /var/lib/postgresql
  printf tests-only >/tmp/password && chown postgres /tmp/password
  $as $bin/initdb -D ${data} -U postgres --encoding=UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile=/tmp/password --no-sync >/dev/null
  echo "host all all all scram-sha-256" >>${data}/pg_hba.conf
fi
exec $as $bin/postgres -D ${data} -c 'listen_addresses=*'
`;
  writeFileSync(join(folder, 'start'), start, { mode: 0o755 });
  writeFileSync(
    join(folder, 'Dockerfile'),
    `FROM ${baseImage}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-15 && rm -rf /var/lib/apt/lists/*
COPY start /start
CMD ["/start"]
`,
  );
  try {
    const proxies = ['http_proxy', 'https_proxy', 'no_proxy'].filter((name) => process.env[name]);
    docker(
      'build',
      '--quiet',
      '--network',
      'host',
      ...proxies.flatMap((name) => ['--build-arg', name]),
      '--tag',
      image,
      folder,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function answering(url: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; ;) {
    try {
      await run(url, 'SELECT 1');
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
