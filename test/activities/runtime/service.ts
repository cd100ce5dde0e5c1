import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Definition, Runtime } from '../../../src/model.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';

/** A checkout with scripts that start and stop real servers, and with a record of every process that they started. */
export interface Service {
  directory: string;
  port: number;
  publicPort: number;
  step(runtime?: Partial<Processes>, options?: StepOptions): TestStep;
  /** A process that is none of the service's, which listens on that port. */
  occupy(port: number): Promise<Server>;
  /** A process that began before whatever is started from now on; it listens once `go` is there. */
  startOld(): Promise<ChildProcess>;
  /** One that lives on and holds the port for its workers; what starts and stops these, and names them. */
  supervise(): Promise<{ pid: number; settings: Required<Pick<Processes, 'start' | 'stop' | 'workers'>> }>;
  remove(): Promise<void>;
}
type Processes = NonNullable<Runtime['processes']>;
interface StepOptions {
  at?: Parameters<typeof stepContext>[0]['at'];
  open?: Runtime['open'];
  url?: string;
}

const server = `
const net = require('node:net');
const fs = require('node:fs');
const { spawn } = require('node:child_process');
fs.appendFileSync('pids', process.pid + '\\n');
const [what, ...ports] = process.argv.slice(2);
const servers = ports.map(() => net.createServer((socket) => socket.end()));
const listen = () => servers.forEach((server, index) => server.listen(Number(ports[index]), '127.0.0.1'));
if (what === 'wait') { const timer = setInterval(() => fs.existsSync('go') && (clearInterval(timer), listen()), 10); console.log('waits'); }
else listen();
if (what === 'socket') process.title = 'systemd';
if (what === 'crash') setTimeout(() => process.exit(1), 200);
const work = () => {
  const worker = spawn('sleep', [process.env.WORKERS_LIVE]).once('exit', work);
  fs.appendFileSync('pids', worker.pid + '\\n');
};
if (what === 'master') work();
if (what === 'drain') process.on('SIGTERM', () => { servers.forEach((server) => server.close()); setInterval(() => {}, 1000); });
`;
/** A parent that never ends, and whose worker dies again and again. */
const supervisor = `
const { spawn } = require('node:child_process');
require('node:fs').appendFileSync('pids', process.pid + '\\n');
const fork = () => spawn('node', ['server.cjs', 'crash', process.argv[2]], { stdio: 'ignore' }).once('exit', fork);
fork();
`;
/** Lives on, and holds the port for a worker, which it has as long as there is a file `wanted`; `workers` holds its pid. */
const cluster = `
const cluster = require('node:cluster');
const fs = require('node:fs');
fs.appendFileSync('pids', process.pid + '\\n');
const told = new Set();
let written;
if (cluster.isPrimary) setInterval(() => {
  const workers = Object.values(cluster.workers);
  if (fs.existsSync('wanted') && workers.length === 0) workers.push(cluster.fork());
  const ending = fs.existsSync('wanted') ? [] : workers.filter((worker) => !told.has(worker));
  for (const worker of ending) told.add(worker), worker.process.kill();
  const pids = workers.map((worker) => worker.process.pid).join('\\n');
  if (pids !== written) fs.writeFileSync('workers', (written = pids));
}, 20);
else {
  require('node:net').createServer((socket) => socket.end()).listen(Number(process.argv[2]), '127.0.0.1');
  if (fs.existsSync('drains')) process.on('SIGTERM', () => { cluster.worker.disconnect(); setInterval(() => {}, 1000); });
}
`;
const scripts = {
  'cluster.cjs': cluster,
  'server.cjs': server,
  'supervisor.cjs': supervisor,
  'start.sh': `[ -z "\${GREETING:-}" ] || echo "$GREETING"\nsetsid nohup node server.cjs "\${MODE:-serve}" "$@" >log 2>&1 </dev/null &\necho $! >"pid.$1"\n`,
  'start-crashing.sh': 'setsid nohup node supervisor.cjs "$@" >log 2>&1 </dev/null &\n',
  'stop.sh': 'for port; do kill "$(cat "pid.$port")" 2>/dev/null; done\nexit 0\n',
};

export async function makeService(): Promise<Service> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-service-'));
  for (const [name, text] of Object.entries(scripts)) writeFileSync(join(root, name), text);
  const [port = 0, publicPort = 0] = await freePorts(2);
  const servers: Server[] = [];
  const defaults = {
    start: ['sh', 'start.sh', `${port}`],
    stop: ['sh', 'stop.sh', `${port}`],
    ports: [port],
    env: {},
    timeoutMs: 3_000,
  };
  return {
    directory: root,
    port,
    publicPort,
    step(processes = {}, { at, open = 'at_start', url } = {}) {
      const runtime: Runtime = { processes: { ...defaults, ...processes }, open };
      const definition: Definition = definitionOf(root, { runtime, ...(url ? { url } : {}) });
      return stepContext({ definition, folder: join(root, 'run'), home: root, at: { step: 'start', ...at } });
    },
    async occupy(taken) {
      const occupant = createServer().listen(taken, '127.0.0.1');
      await once(occupant, 'listening');
      servers.push(occupant);
      return occupant;
    },
    async startOld() {
      const child = spawn('node', ['server.cjs', 'wait', `${port}`], {
        cwd: root,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await once(child.stdout, 'data');
      return child;
    },
    async supervise() {
      writeFileSync(join(root, 'workers'), '');
      const { pid = 0 } = spawn('node', ['cluster.cjs', `${port}`], { cwd: root, stdio: 'ignore' });
      const settings = { start: ['touch', 'wanted'], stop: ['rm', '-f', 'wanted'], workers: ['cat', 'workers'] };
      return { pid, settings };
    },
    async remove() {
      for (const occupant of servers) occupant.close();
      // A supervisor first, or it would start another one.
      for (const pid of pidsIn(root)) if (runsIn(pid, root)) process.kill(pid, 'SIGKILL');
      for (const pid of pidsIn(root)) if (runsIn(pid, root)) process.kill(pid, 'SIGKILL');
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A second server, which stands for the public port. */
export const gate = {
  open: (port: number) => ['sh', 'start.sh', `${port}`],
  close: (port: number) => ['sh', 'stop.sh', `${port}`],
};

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const free = createServer().listen(0, '127.0.0.1');
      await once(free, 'listening');
      return free;
    }),
  );
  const ports = servers.map((free) => (free.address() as AddressInfo).port);
  await Promise.all(servers.map((free) => new Promise((done) => free.close(done))));
  return ports;
}

function pidsIn(root: string): number[] {
  if (!readdirSync(root).includes('pids')) return [];
  return readFileSync(join(root, 'pids'), 'utf8').trim().split('\n').map(Number);
}

/** A pid may meanwhile be another's. */
function runsIn(pid: number, root: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === root;
  } catch {
    return false;
  }
}
