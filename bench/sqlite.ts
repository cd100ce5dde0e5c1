import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sqliteStore } from '../src/activities/data/sqlite/store.js';
import { definitionOf, stepContext } from '../test/activities/step-context.js';
import type { Bench, Goal } from './lib/bench.js';
import { interleave, quantile, tableOf } from './lib/samples.js';

const sh = promisify(execFile);
const ours = 'ours: copied, rows and file hashed, quick_check';
// `.backup` copies a hundred pages at a time, and begins anew whenever another process has written: beside this writer it never ends.
const peer = 'sqlite3 VACUUM INTO, quick_check, sha256sum';

const quickCheck = ['PRAGMA mmap_size = 1099511627776', 'PRAGMA quick_check'];

/** A11: a file that is written 500 times a second, in turn with what people do without us. */
export const bench: Bench = {
  title: 'a hot backup of a SQLite file under writes against VACUUM INTO, quick_check and sha256sum',
  async measure({ rounds = 3, sizes = [989], say }) {
    const texts: string[] = [];
    const goals: Goal[] = [];
    for (const size of sizes) {
      say(`  ${size} MB: filling`);
      const measured = await measureSize(size, rounds, say);
      texts.push(measured.text);
      goals.push(...measured.goals);
    }
    return { text: texts.join('\n\n'), goals };
  },
};

async function measureSize(
  size: number,
  rounds: number,
  say: (line: string) => void,
): Promise<{ text: string; goals: Goal[] }> {
  const home = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  const [file, log, folder] = [join(home, 'app.db'), join(home, 'latencies'), join(home, 'backup')];
  const store = sqliteStore('main', { file: 'app.db' });
  const context = stepContext({ definition: definitionOf(home), folder: join(home, 'run'), home });
  await sh('python3', ['-c', fill, file, String(Math.round((size * 1e6) / 3956))]);
  await mkdir(folder);
  const writer = spawn('python3', ['-c', write, file, log], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((ready) => writer.stdout.once('data', ready));
    let stalls: number[] = [];
    const samples = await interleave(
      [
        {
          name: ours,
          run: async () => {
            const committed = await rowsOf(file);
            await writeFile(log, '');
            const taken = await store.backup(context, folder);
            await sh('sqlite3', [`file:${join(folder, taken.file)}?immutable=1`, ...quickCheck]);
            stalls = [...stalls, ...(await readFile(log, 'utf8')).split('\n').filter(Boolean).map(Number)];
            const found = taken.contents.tables.jobs?.rows ?? 0;
            if (found < committed)
              throw new Error(`${committed} rows were committed before the backup, which has ${found}`);
          },
        },
        {
          name: peer,
          run: async () => {
            const copy = join(home, 'peer.db');
            await rm(copy, { force: true });
            await sh('sqlite3', [file, `VACUUM INTO '${copy}'`]);
            await sh('sqlite3', [copy, ...quickCheck]);
            await sh('sha256sum', [copy]);
          },
        },
      ],
      rounds,
      say,
    );
    const [seconds, others] = [ours, peer].map((name) => quantile(samples[name] ?? [], 0.5) / 1000) as [number, number];
    const stall = quantile(stalls, 0.99);
    const at = `@${size}MB`;
    return {
      text: `${size} MB\n\n${tableOf(samples, peer)}\n\nthe writer waited for ${quantile(stalls, 0.5).toFixed(1)} ms at p50, ${stall.toFixed(1)} ms at p99 during ours`,
      goals: [
        {
          id: `A11 time${at}`,
          goal: 'hot backup, hashed and checked ≤ 2.6 s',
          value: round(seconds),
          unit: 's',
          met: seconds <= 2.6,
        },
        {
          id: `A11 ratio${at}`,
          goal: 'no slower than VACUUM INTO, quick_check and sha256sum',
          value: round(seconds / others),
          unit: '×',
          met: seconds <= others,
        },
        {
          id: `A11 stall${at}`,
          goal: 'a writer waits ≤ 20 ms at p99',
          value: round(stall),
          unit: 'ms',
          met: stall <= 20,
        },
      ],
    };
  } finally {
    const ended = new Promise((resolve) => writer.once('exit', resolve));
    writer.kill('SIGKILL');
    await ended;
    await rm(home, { recursive: true, force: true });
  }
}

/** Counting them would read the whole file. */
async function rowsOf(file: string): Promise<number> {
  return Number((await sh('sqlite3', [file, 'SELECT max(id) FROM jobs'])).stdout);
}

const round = (value: number) => Math.round(value * 100) / 100;

const open = `import os, sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
c.execute('PRAGMA journal_mode = WAL')
c.execute('PRAGMA synchronous = NORMAL')`;

const fill = `${open}
c.execute('CREATE TABLE jobs (id INTEGER PRIMARY KEY, body BLOB)')
c.execute('BEGIN')
for i in range(int(sys.argv[2])): c.execute('INSERT INTO jobs (body) VALUES (?)', [os.urandom(3000)])
c.execute('COMMIT')`;

/** 500 transactions a second; each line of the log is one commit's milliseconds. */
const write = `${open}
print('up', flush=True)
due = time.perf_counter()
while True:
  due = max(due + 0.002, time.perf_counter() - 1)
  time.sleep(max(0, due - time.perf_counter()))
  began = time.perf_counter()
  c.execute('INSERT INTO jobs (body) VALUES (?)', [b'written meanwhile'])
  with open(sys.argv[2], 'a') as log: log.write(f'{(time.perf_counter() - began) * 1000:.3f}\\n')`;
