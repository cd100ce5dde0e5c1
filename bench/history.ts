import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { dataConverter } from '../src/codec/data-converter.js';
import { verifyEvidence } from '../src/lib/evidence.js';
import type { Report } from '../src/model.js';
import type { Bench, Measured } from './lib/bench.js';
import { louds } from './lib/noops.js';
import { loudBytes } from './lib/release.js';
import { bundleBench, environment, withServer, workflowQueue } from './lib/stack.js';

const bounds = { events: 200, kib: 128, mib: 300 };

/** A14: whatever the tools print goes to files; Temporal keeps a line of it, and the worker no more than a tail. */
export const bench: Bench = {
  title: `a release of ${louds.length} steps whose tools print ${(louds.length * 2 * loudBytes) / 1e9} GB`,
  async measure({ say }) {
    let measured: Measured = { goals: [], text: '' };
    await withServer(async ({ address, folder }) => {
      const bundle = join(folder, 'workflows.js');
      await writeFile(bundle, (await bundleBench()).code);
      const worker = await startWorker(address, join(folder, 'state'), bundle);
      try {
        measured = await release(address, worker, say);
      } finally {
        await stop(worker);
      }
    });
    return measured;
  },
};

async function release(address: string, worker: ChildProcess, say: (line: string) => void): Promise<Measured> {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, dataConverter });
  const memory = watchMemory(worker.pid ?? 0);
  const began = performance.now();
  try {
    const handle = await client.workflow.start('loudSaga', { taskQueue: workflowQueue, workflowId: environment });
    const report = (await handle.result()) as Report;
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const { idle, worst } = memory.stop();
    say(`  ${seconds} s`);
    await prove(report);
    const { historyLength, historySize = 0 } = await handle.describe();
    const kib = Math.ceil(historySize / 1024);
    return {
      goals: [
        goal('A14-events', `≤ ${bounds.events} events in the history`, historyLength, 'events', bounds.events),
        goal('A14-bytes', `a history of ≤ ${bounds.kib} KiB`, kib, 'KiB', bounds.kib),
        goal('A14-memory', `worker RSS ≤ ${bounds.mib} MiB at its worst`, worst, 'MiB', bounds.mib),
      ],
      text: `${seconds} s; worker RSS ${idle} MiB before, ${worst} MiB at its worst, seen 20 times a second`,
    };
  } finally {
    memory.stop();
    await connection.close();
  }
}

function goal(id: string, text: string, value: number, unit: string, bound: number) {
  const words = `${louds.length} steps, ${(louds.length * 2 * loudBytes) / 1e9} GB of output: ${text}`;
  return { id, goal: words, value, unit, met: value <= bound };
}

/** All was really printed, the half that has to be kept is kept whole, and the secret in each line is nowhere. */
async function prove({ outcome, evidence }: Report): Promise<void> {
  const verdict = await verifyEvidence(evidence ?? '');
  if (outcome !== 'deployed' || !verdict.ok)
    throw new Error(`the release did not end well: ${JSON.stringify(verdict)}`);
  const commands = join(evidence ?? '', 'commands');
  const folders = await readdir(commands);
  let logs = 0;
  for (const name of folders.filter((one) => one.startsWith('loud-'))) {
    const [log] = (await readdir(join(commands, name))).filter((file) => file.endsWith('.log'));
    const text = log ? await readFile(join(commands, name, log), 'utf8') : '';
    if (text.length < loudBytes / 2 || text.includes('3333-not-so-secret'))
      throw new Error(`${name} keeps no whole, redacted log`);
    logs += 1;
  }
  if (logs !== louds.length) throw new Error(`${logs} logs were kept, not ${louds.length}`);
}

/** Resident memory of a process, in MiB: at the beginning, and at its worst. */
function watchMemory(pid: number): { stop: () => { idle: number; worst: number } } {
  const read = () => {
    const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
    return Math.ceil(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
  };
  const idle = read();
  let worst = idle;
  const timer = setInterval(() => (worst = Math.max(worst, read())), 50);
  return {
    stop: () => {
      clearInterval(timer);
      return { idle, worst };
    },
  };
}

async function startWorker(address: string, root: string, bundle: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [await compileWorker(), address, root, bundle], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((ready, failed) => {
    child.stdout.once('data', () => ready());
    child.once('exit', (code) => failed(new Error(`the worker ended with ${code}`)));
  });
  return child;
}

/** As it is installed: a compiler in the same process would count, too. */
async function compileWorker(): Promise<string> {
  const project = fileURLToPath(new URL('..', import.meta.url));
  const compiled = join(project, '.cache', 'bench');
  const tsc = ['--no-install', 'tsc', '--project', project, '--noEmit', 'false', '--outDir', compiled];
  await promisify(execFile)('npx', tsc, { cwd: project });
  return join(compiled, 'bench/lib/loud-worker.js');
}

async function stop(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGTERM');
  await gone;
}
