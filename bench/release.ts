import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isDeepStrictEqual, promisify } from 'node:util';
import pg from 'pg';
import { startPostgres, startTemporal } from '../src/lib/dev-servers.js';
import { readEvidence } from '../src/lib/evidence.js';
import { freshDatabase, type TestDatabase } from '../test/stack/database.js';
import { docker, dockerWorks } from '../test/stack/docker.js';
import { withComposeSystem } from '../test/systems/compose-system.js';
import type { Served } from '../test/systems/serve.js';
import { ending, withStand } from '../test/systems/stand.js';
import type { Bench, Goal } from './lib/bench.js';
import { leads } from './lib/leads.js';
import { pairedRatio, quantile, tableOf, type Samples } from './lib/samples.js';

const bound = 0.75;
/** Of the database that is backed up, beside the system's own rows. */
const megabytes = 100;
const sh = promisify(execFile);

interface Servers {
  temporal: string;
  postgres: string;
}
/** One release of 2.0.0 over 1.0.0: what it took in all and by phase, in ms, and what it left behind. */
interface Released {
  ms: number;
  phases: Record<string, number>;
  effects: unknown;
}
/** Releases one way, on a system of its own. */
type Way = (servers: Servers, by: 'slipway' | 'bash') => Promise<Released>;

/** A2: the same commands and the same effects; what is won is won by doing side by side what may be. */
export const bench: Bench = {
  title: 'a real release against a bash script of the same commands, one after the other',
  async measure({ rounds = 5, say }) {
    if (!dockerWorks) say('  no docker engine answers: the compose system is left out');
    const systems: Record<string, Way> = { shop: releaseShop, ...(dockerWorks ? { compose: releaseCompose } : {}) };
    const goals: Goal[] = [];
    const texts: string[] = [];
    await withServers(async (servers) => {
      for (const [name, way] of Object.entries(systems)) {
        const { samples, phases } = await inTurn(
          (by) => way(servers, by),
          rounds,
          (line) => say(`  ${name}: ${line}`),
        );
        const value = Number(pairedRatio(samples, 'slipway', 'bash').toFixed(2));
        const goal = `a release of the ${name} system takes ≤ ${bound} × the script's time`;
        goals.push({ id: `A2@${name}`, goal, value, unit: '×', met: value <= bound });
        texts.push(
          `${name}\n${tableOf(samples, 'bash')}\n${phaseLine('slipway', phases)}\n${phaseLine('bash', phases)}`,
        );
      }
    });
    return { goals, text: texts.join('\n\n') };
  },
};

type Phases = Record<string, Record<string, number>[]>;

/** Who goes first changes each round; the first round is dropped. Throws where the two left something else behind. */
async function inTurn(
  release: (by: 'slipway' | 'bash') => Promise<Released>,
  rounds: number,
  say: (line: string) => void,
): Promise<{ samples: Samples; phases: Phases }> {
  const samples: Samples = { slipway: [], bash: [] };
  const phases: Phases = { slipway: [], bash: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const left: unknown[] = [];
    for (const by of round % 2 === 0 ? (['slipway', 'bash'] as const) : (['bash', 'slipway'] as const)) {
      const released = await release(by);
      left.push(released.effects);
      say(`${round === 0 ? 'dropped' : `round ${round}`}, ${by} ${Math.round(released.ms)} ms`);
      if (round === 0) continue;
      samples[by]?.push(released.ms);
      phases[by]?.push(released.phases);
    }
    if (!isDeepStrictEqual(left[0], left[1]))
      throw new Error(
        `the two releases differ in what they did: ${JSON.stringify(left[0])} and ${JSON.stringify(left[1])}`,
      );
  }
  return { samples, phases };
}

async function releaseShop(servers: Servers, by: 'slipway' | 'bash'): Promise<Released> {
  let released: Released | undefined;
  await withStand(
    async (stand) => {
      const { shop, database, state } = stand;
      await deploy(stand, '1.0.0');
      await ask(database.ownerUrl, leads(megabytes));
      const ports = { PUBLIC: String(shop.publicPort), CLOSED: String(shop.closedPort) };
      const facts = { ...ports, LIVE: shop.directory, LEDGER: join(dirname(state), 'ledger'), DATABASE: database.name };
      const took =
        by === 'slipway' ? await deploy(stand, '2.0.0') : await runBook('release-shop.sh', dirname(state), facts);
      const health = await (await fetch(`${shop.url}/health`)).json();
      const { stdout: head } = await sh('git', ['rev-parse', 'HEAD'], { cwd: shop.directory });
      const copies = await copiesOf(database);
      const effects = { health, head, copies, ledger: await stand.ledger(), rows: await rowsOf(database.ownerUrl) };
      released = { ...took, effects };
    },
    { npm: true, servers, definition: forBench },
  );
  return released!;
}

/** Nothing that only waits: no gate, no watch. 20 probes. */
function forBench(yaml: string): string {
  const more = Array.from({ length: 14 }, (_, at) => at + 2).map(
    (id) => `  customer-${id}: { http: /customers/${id}, expect: { status: 200, json: { id: ${id} } } }\n`,
  );
  return yaml
    .replace(/^ {2}go: .*$/m, '  go: none')
    .replace(/^watch: .*\n/m, '')
    .replace(/^ {2}guarded: .*\n/m, (line) => line + more.join(''));
}

async function releaseCompose({ temporal, postgres }: Servers, by: 'slipway' | 'bash'): Promise<Released> {
  let released: Released | undefined;
  const database = await freshDatabase(postgres);
  const urls = { DATABASE_URL: database.ownerUrl, BACKUP_URL: database.backupUrl, ADMIN_URL: database.adminUrl };
  const env = Object.entries(urls).map(([name, url]) => `${name}='${url}'\n`);
  try {
    await ask(database.ownerUrl, leads(megabytes));
    await withComposeSystem(
      async (system) => {
        const { name, url, directory, home } = system;
        await deploy(system, '1.0.0');
        docker('exec', `${name}-app-1`, 'touch', '/checks/go');
        const facts = { LIVE: directory, PROJECT: name, URL: url, DATABASE: database.name };
        const took =
          by === 'slipway'
            ? await deploy(system, '2.0.0')
            : await runBook('release-compose.sh', dirname(dirname(home)), facts);
        const health = await (await fetch(`${url}/health`)).json();
        const { stdout: head } = await sh('git', ['show', 'HEAD:VERSION'], { cwd: directory });
        const states = docker('ps', '--filter', `name=${name}`, '--format', '{{.Names}} {{.State}}')
          .replaceAll(name, '')
          .split('\n')
          .sort();
        const inside = docker('exec', `${name}-app-1`, 'sh', '-c', 'cat /srv/VERSION; wc -l </checks/pids');
        released = { ...took, effects: { health, head, states, inside, copies: await copiesOf(database) } };
      },
      { temporal, env: env.join(''), definition: withDatabase },
    );
  } finally {
    await database.drop();
  }
  return released!;
}

/** With backup and standby, and 20 probes. */
function withDatabase(yaml: string): string {
  const more = Array.from({ length: 16 }, (_, at) => at + 2).map(
    (id) => `  works-${id}: { http: "/work?${id}", expect: 200 }\n`,
  );
  return `${yaml.replace(/^ {2}works: .*\n/m, (line) => line + more.join(''))}database:
  postgres: { url: $DATABASE_URL, backup_url: $BACKUP_URL, admin_url: $ADMIN_URL }
`;
}

/** Kept standby copies. A first release leaves one, too. */
async function copiesOf({ superuserUrl, name }: TestDatabase): Promise<unknown> {
  const copies = `SELECT count(*)::int AS copies FROM pg_database WHERE datname LIKE '${name}\\_\\_s\\_%'`;
  return (await ask(superuserUrl, copies))[0];
}

/** As the CLI starts it, to its end; the phases are those of the evidence. */
async function deploy(
  { start, home }: Pick<Served, 'start' | 'home'>,
  version: string,
): Promise<Omit<Released, 'effects'>> {
  const began = performance.now();
  const report = await ending(await start('deploy', { version, by: 'bob', change: 'compatible' }));
  const ms = performance.now() - began;
  if (report.outcome !== 'deployed') throw new Error(`${version} was not deployed: ${report.reason}`);
  const steps = (await readEvidence(join(home, 'runs', report.run ?? ''))).filter(({ kind }) => kind === 'step');
  const phases = steps.map(({ at, data }) => {
    const { step, startedAt } = data as { step: string; startedAt: string };
    return [step, Date.parse(at) - Date.parse(startedAt)] as const;
  });
  return { ms, phases: Object.fromEntries(phases) };
}

async function runBook(
  script: string,
  beside: string,
  facts: Record<string, string>,
): Promise<Omit<Released, 'effects'>> {
  const work = await mkdtemp(join(beside, 'runbook-'));
  await mkdir(join(work, 'work'));
  const path = join(work, 'phases');
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, ...facts, WORK: join(work, 'work'), PHASES: path, VERSION: '2.0.0' };
  const began = performance.now();
  await sh('bash', [new URL(script, import.meta.url).pathname], { env, maxBuffer: 64 * 2 ** 20 });
  const ms = performance.now() - began;
  const lines = [...(await readFile(path, 'utf8')).matchAll(/^(\w+) (\d+)$/gm)];
  return { ms, phases: Object.fromEntries(lines.map(([, name, took]) => [name ?? '', Number(took)] as const)) };
}

/** Medians; phases that ran side by side count each in full. */
function phaseLine(by: string, phases: Phases): string {
  const all = phases[by] ?? [];
  const median = (name: string) =>
    quantile(
      all.map((one) => one[name] ?? 0),
      0.5,
    ).toFixed(0);
  return `${by.padEnd(8)} ${Object.keys(all[0] ?? {})
    .map((name) => `${name} ${median(name)}`)
    .join(', ')}`;
}

/** Every row of every table, revisions too. */
async function rowsOf(url: string): Promise<Record<string, unknown>> {
  const tables = await ask(
    url,
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
  );
  const found: Record<string, unknown> = {};
  for (const { name } of tables)
    [found[String(name)]] = await ask(
      url,
      `SELECT count(*)::int AS rows, md5(string_agg(t::text, ',' ORDER BY t::text)) AS hash FROM "${String(name)}" t`,
    );
  return found;
}

async function ask(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

async function withServers(use: (servers: Servers) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  await chmod(folder, 0o711);
  const [temporal, postgres] = await Promise.all([
    startTemporal({ folder: join(folder, 'temporal'), headless: true }),
    startPostgres({ folder: join(folder, 'postgres') }),
  ]);
  try {
    await use({ temporal: temporal.address, postgres: postgres.superuserUrl });
  } finally {
    await Promise.all([temporal.stop(), postgres.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
}
