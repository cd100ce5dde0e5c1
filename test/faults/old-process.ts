import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkContext } from '../../src/activities/check.js';
import { runChecks } from '../../src/activities/checks/run-checks.js';
import { runtime } from '../../src/activities/runtime/lookup.js';
import { failureType } from '../../src/errors.js';
import { freePort } from '../../src/lib/server-process.js';
import type { Check } from '../../src/model.js';
import { definitionOf, stepContext } from '../activities/step-context.js';
import { generator } from './generator.js';

/** How an old process comes to answer for the new one; `honest` is a release in which none does. */
const ways = {
  'the stop command lies': { stop: ['true'], start: ['sh', 'start.sh', '2.0.0'] },
  'a supervisor brings it back': { start: ['sh', 'start.sh', '2.0.0'], between: true },
  'it listens again': { old: 'sleeps', start: ['touch', 'go'] },
  'it listens beside the new one': { old: 'sleeps', start: ['sh', 'start-beside.sh', '2.0.0'] },
  'the start command starts the old code': { start: ['sh', 'start.sh', '1.0.0'] },
  'one of the replicas has it': { start: ['sh', 'start.sh', '2.0.0'], replicas: true },
  'one behind the balancer has it': { start: ['sh', 'start.sh', '2.0.0'], balancer: true },
  'one behind the balancer has it, and says that it is the new version': {
    start: ['sh', 'start.sh', '2.0.0'],
    balancer: true,
    lies: true,
  },
  'it listens beside the new one, and says that it is that': {
    old: 'sleeps',
    start: ['sh', 'start-beside.sh', '2.0.0'],
    lies: true,
  },
  honest: { start: ['sh', 'start.sh', '2.0.0'] },
} satisfies Record<string, Way>;

interface Way {
  old?: 'sleeps';
  stop?: string[];
  start: string[];
  between?: boolean;
  replicas?: boolean;
  balancer?: boolean;
  /** Every version answers as the new one, so that no check can tell them apart: the ports of all instances are the definition's. */
  lies?: boolean;
}

const server = `
import http.server, json, os, socket, sys, time
version, port, sleeps = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": "ok", "version": version}).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
with open("pids", "a") as pids: pids.write(f"{os.getpid()}\\n")
print("up", flush=True)
while sleeps and not os.path.exists("go"): time.sleep(0.005)
Server(("127.0.0.1", port), Handler).serve_forever()
`;
const begin = 'setsid nohup python3 -u server.py "$1" "$PORT" >log 2>&1 </dev/null &\n';

/** `count` releases, in each of which an old process answers with 200; and an honest one for each dozen, which has to pass. */
export async function runOldProcesses(options: { seed: number; count: number; say: (line: string) => void }) {
  const random = generator(options.seed);
  const all = (Object.keys(ways) as (keyof typeof ways)[]).filter((name) => name !== 'honest');
  const [missed, refused]: [string[], string[]] = [[], []];
  for (let round = 0; round < options.count; round += 1) {
    const name = all[round % all.length]!;
    const caught = await release(ways[name], random);
    options.say(`${name}: ${caught ?? 'MISSED'}`);
    if (caught === undefined) missed.push(name);
    if (round % 12 > 0) continue;
    const wrong = await release(ways.honest, random);
    if (wrong !== undefined) refused.push(wrong);
  }
  return { rounds: options.count, missed, refused };
}

/** What said no; undefined where the release counts as good. */
async function release(way: Way, random: () => number): Promise<string | undefined> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-old-'));
  const servers: Server[] = [];
  try {
    writeFileSync(join(root, 'server.py'), server);
    writeFileSync(join(root, 'start.sh'), begin);
    writeFileSync(join(root, 'start-beside.sh'), `touch go\nsleep 0.3\n${begin}`);
    writeFileSync(join(root, 'stop.sh'), 'kill $(cat pids)\n');
    const old = async (port: number, ...more: string[]) => {
      const child = spawn('python3', ['-u', 'server.py', way.lies ? '2.0.0' : '1.0.0', `${port}`, ...more], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] }); // prettier-ignore
      await once(child.stdout, 'data');
      if (more.length === 0) await answering(port);
    };
    const port = await freePort();
    await old(port, ...(way.old ? [way.old] : []));
    const replicas = [port];
    if (way.replicas || way.balancer) {
      const others = 1 + Math.floor(random() * 3);
      const stale = Math.floor(random() * others);
      for (let i = 0; i < others; i += 1)
        replicas.push(await replica(i === stale && !way.lies ? '1.0.0' : '2.0.0', servers));
    }
    const balancer = way.balancer ? await balance(replicas, servers) : port;
    const expect = { status: 200, json: { version: '{version}' } };
    const verify: Record<string, Check> = way.replicas
      ? Object.fromEntries(replicas.map((at, i) => [`replica-${i}`, { http: '/health', address: `127.0.0.1:${at}`, expect, withinMs: 400 }])) // prettier-ignore
      : { version: { http: '/health', expect, withinMs: way.balancer ? 2500 : 400, ...(way.balancer ? { hold: '2s' } : {}) } }; // prettier-ignore
    const definition = definitionOf(root, {
      url: `http://127.0.0.1:${balancer}`,
      verify,
      runtime: {
        processes: {
          start: way.start,
          // What sleeps was forgotten by its stop command, too.
          stop: way.stop ?? (way.old ? ['true'] : ['sh', 'stop.sh']),
          ports: way.lies ? replicas : [port],
          env: { PORT: `${port}` },
          timeoutMs: way.stop || (way.lies && way.balancer) ? 200 : 10_000,
        },
        open: 'at_start',
      },
    });
    const step = (at: 'stop' | 'start' | 'verify') =>
      stepContext({ definition, folder: join(root, 'run'), home: root, at: { step: at } });
    const adapter = runtime(definition);
    const target = { version: '2.0.0', sha: '0'.repeat(40) };
    const stopped = await adapter.stop(step('stop')).then(() => undefined, nameOf);
    if (way.between) await old(port);
    // A person may say that the stop is well.
    const started = await adapter.start(step('start'), target).then(() => undefined, nameOf);
    if (started !== undefined) return `${stopped ? `stop: ${stopped}, ` : ''}start: ${started}`;
    const results = await runChecks(verify, checkContext(step('verify'), definition, target, true));
    const failed = results.find(({ outcome }) => outcome === 'fail');
    return failed && `verify: ${failed.name}: ${failed.seen}`;
  } finally {
    for (const one of servers) {
      one.closeAllConnections();
      one.close();
    }
    await endAllIn(root);
    rmSync(root, { recursive: true, force: true });
  }
}

/** These two say no; whatever else goes wrong is a mistake of the test. */
function nameOf(error: unknown): string {
  const type = failureType(error);
  if (type === 'NotStopped' || type === 'NotStarted') return type;
  throw error;
}

async function replica(version: string, servers: Server[]): Promise<number> {
  return listen(
    createServer((_, response) => void response.end(JSON.stringify({ status: 'ok', version }))),
    servers,
  );
}

/** One after the other, as balancers do. */
async function balance(ports: number[], servers: Server[]): Promise<number> {
  let turn = 0;
  const balancer = createServer((asked, response) => {
    const port = ports[(turn += 1) % ports.length];
    const passed = request({ host: '127.0.0.1', port, path: asked.url, agent: false }, (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502))); // prettier-ignore
    passed.once('error', () => response.writeHead(502).end()).end();
  });
  return listen(balancer, servers);
}

async function listen(one: Server, servers: Server[]): Promise<number> {
  servers.push(one.listen(0, '127.0.0.1'));
  await once(one, 'listening');
  return (one.address() as AddressInfo).port;
}

/** It is there, and a check of nothing but the status would be content. */
async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const status = await fetch(`http://127.0.0.1:${port}/health`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await new Promise((wake) => setTimeout(wake, 10));
  }
  throw new Error(`the old process does not answer on ${port}`);
}

/** Also what was begun a moment ago and is not heard of yet: a start that was refused does not wait for it. */
async function endAllIn(root: string): Promise<void> {
  for (;;) {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && runsIn(name, root));
    if (pids.length === 0) return;
    for (const pid of pids) end(Number(pid));
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

function runsIn(pid: string, root: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === root;
  } catch {
    return false;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
