import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkContext } from '../src/activities/check.js';
import { runChecks } from '../src/activities/checks/run-checks.js';
import { startProcesses } from '../src/activities/runtime/start.js';
import { freePort } from '../src/lib/server-process.js';
import type { Definition } from '../src/model.js';
import { definitionOf, stepContext } from '../test/activities/step-context.js';
import type { Bench } from './lib/bench.js';
import { quantile } from './lib/samples.js';

/** Listens after a while, says 503 for another, and notes when it is ready. */
const server = `
const [port, after, unready] = process.argv.slice(2).map(Number);
const now = () => performance.timeOrigin + performance.now();
setTimeout(() => {
  let ready = 0;
  const app = require('node:http').createServer((_, response) => response.writeHead(now() < ready ? 503 : 200).end('{"version":"2.0.0"}'));
  app.listen(port, '127.0.0.1', () => require('node:fs').writeFileSync('ready', [ready = now() + unready, process.pid].join(' ')));
}, after);
`;
const bound = 30;

type Way = (definition: Definition, folder: string) => Promise<void>;
const ways: Record<string, { unready: number; see: Way }> = {
  'a check, from silence': { unready: 0, see: check },
  'a check, after 503': { unready: 1500, see: check },
  'the step `start`': { unready: 0, see: start },
};

/** A13: how long after its first good answer a new instance is known to be ready. */
export const bench: Bench = {
  title: 'from the first good answer of a new instance to its being seen (kamal-proxy asks once a second)',
  async measure({ rounds = 30, say }) {
    const found: Record<string, number[]> = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, way] of Object.entries(ways)) {
        const late = await measureOnce(way, 200 + ((round * 617) % 2300));
        // The first round is dropped: it loads code.
        if (round > 0) found[name]?.push(late);
      }
      if (round % 10 === 0) say(`  ${round} of ${rounds} rounds`);
    }
    const rows = Object.entries(found).map(([name, values]) => {
      const [half, most, worst] = [0.5, 0.95, 1].map((part) => quantile(values, part).toFixed(1));
      return `${name.padEnd(22)} p50 ${half} ms, p95 ${most} ms, worst ${worst} ms`;
    });
    const value = Number(quantile(found['a check, from silence'] ?? [], 0.95).toFixed(1));
    const goal = `a check passes ≤ ${bound} ms after the new instance first answers (p95 of ${rounds})`;
    return { goals: [{ id: 'A13', goal, value, unit: 'ms', met: value <= bound }], text: rows.join('\n') };
  },
};

/** In ms. */
async function measureOnce({ unready, see }: (typeof ways)[string], after: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-ready-'));
  await writeFile(join(folder, 'server.cjs'), server);
  const port = await freePort();
  const run = `setsid node server.cjs ${port} ${after} ${unready} >/dev/null 2>&1 </dev/null &`;
  const processes = { start: ['sh', '-c', run], stop: ['true'], ports: [port], env: {}, timeoutMs: 20_000 };
  const definition = definitionOf(folder, {
    url: `http://127.0.0.1:${port}`,
    runtime: { processes, open: 'at_start' },
    verify: { health: { http: '/health', expect: { status: 200, json: { version: '{version}' } }, withinMs: 20_000 } },
  });
  await see(definition, folder);
  const seen = performance.timeOrigin + performance.now();
  const [ready = '', pid = ''] = (await readFile(join(folder, 'ready'), 'utf8')).split(' ');
  process.kill(Number(pid), 'SIGKILL');
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  return seen - Number(ready);
}

async function check(definition: Definition, folder: string): Promise<void> {
  await promisify(execFile)('sh', definition.runtime.processes?.start.slice(1) ?? [], { cwd: folder });
  const context = stepContext({ definition, folder: join(folder, 'run'), home: folder, at: { step: 'verify' } });
  const target = { version: '2.0.0', sha: '0'.repeat(40) };
  const [result] = await runChecks(definition.verify, checkContext(context, definition, target, true));
  if (result?.outcome !== 'pass') throw new Error(`the check failed: ${result?.seen}`);
}

/** It ends when all ports listened twice, a while apart: what dies at once is not started. */
async function start(definition: Definition, folder: string): Promise<void> {
  await startProcesses(stepContext({ definition, folder: join(folder, 'run'), home: folder, at: { step: 'start' } }));
}
