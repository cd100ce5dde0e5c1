import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { compiled } from '../stack/compiled.js';
import { freshDatabase } from '../stack/database.js';
import { baseImage, docker, uniqueName } from '../stack/docker.js';
import { act, type Act } from './act.js';
import { childrenOf } from './at-work.js';
import { ask } from './data.js';
import { generator } from './generator.js';

export interface Takeovers {
  /** Those that landed before the act had begun, or after its end, too. */
  trials: number;
  /** Attempts that were struck in the middle of the act. */
  struck: number;
  /** Detached commands that ran at that moment. */
  running: number;
  /** Attached processes that ran at that moment. */
  attached: number;
  /** Commands that ran inside a container at that moment. */
  inside: number;
  faults: string[];
}

/**
 * A worker's process is paused (B4) or killed (B5) at a random moment of an act that writes by a command which outlives it, by one which does not, over
 * a connection of its own and by the swap of a file, with `inside` in a container, too; another one takes the act over to its end; then the first one is let
 * go. What it writes once it was taken over, what its command did twice, and what of it still lives then are faults. Until `count` were struck in the middle.
 */
export async function runTakeovers(options: {
  how: 'pause' | 'kill';
  seed: number;
  count: number;
  superuser: string;
  inside?: boolean;
  say: (line: string) => void;
}): Promise<Takeovers> {
  const random = generator(options.seed);
  const result: Takeovers = { trials: 0, struck: 0, running: 0, attached: 0, inside: 0, faults: [] };
  const folder = mkdtempSync(join(tmpdir(), 'slipway-takeovers-'));
  const container = options.inside ? startContainer(folder) : undefined;
  const database = await freshDatabase(options.superuser);
  const url = database.ownerUrl;
  try {
    await ask(url, 'CREATE TABLE effects (n serial, trial int, attempt int, by text)');
    while (result.struck < options.count && result.trials < 20 * options.count) {
      const trial = (result.trials += 1);
      const part = random();
      const withChildren = random() < 0.5;
      const home = join(folder, String(trial));
      const given = { folder: home, database: url, trial, ...(container ? { container } : {}) };
      const faults = await takeOver(given, options.how, part, withChildren, result);
      result.faults.push(...faults.map((fault) => `trial ${trial}: ${fault}`));
      for (const fault of faults) options.say(`${trial}: ${options.how} at ${Math.round(part * 100)} %: ${fault}`);
      if (faults.length === 0) rmSync(home, { recursive: true, force: true });
    }
    return result;
  } finally {
    if (container) docker('rm', '--force', container);
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function takeOver(
  given: Omit<Act, 'attempt'>,
  how: 'pause' | 'kill',
  part: number,
  withChildren: boolean,
  result: Takeovers,
): Promise<string[]> {
  mkdirSync(given.folder);
  writeFileSync(join(given.folder, 'live'), 'old');
  const first = await begin(given);
  const mark = join(given.folder, 'act', '1.json');
  // A few before it has begun; of the others what a busy machine takes for its beginning is none of the act.
  while (part > 0.1 && first.exitCode === null && !existsSync(mark)) await wait(2);
  await wait(part * (given.container ? 900 : 300));
  send(first.pid ?? 0, 'SIGSTOP');
  await wait(5);
  // By its own mark: one that is not there yet, or ended, was missed.
  const struck = existsSync(mark);
  const had = await settledChildrenOf(first.pid ?? 0);
  const paused = [first.pid ?? 0, ...(withChildren ? had.attached : [])];
  for (const pid of paused) send(pid, how === 'pause' ? 'SIGSTOP' : 'SIGKILL');
  // Until a silent heart is noticed, what was sent to a server before is long done.
  await wait(100);
  result.struck += Number(struck);
  result.running += had.detached.length > 0 ? 1 : 0;
  result.attached += had.attached.length;
  result.inside += runningIn(given.container).length;

  const faults: string[] = [];
  const began = await act({ ...given, attempt: 2 }, async () => {
    for (const pid of had.attached.filter(acts))
      faults.push(`a process of the first attempt lived when the second one began: ${commandLine(pid)}`);
    return effects(given);
  });
  const done = await effects(given);
  for (const pid of paused) send(pid, 'SIGCONT');
  if (first.exitCode === null && first.signalCode === null) await once(first, 'exit');
  await wait(given.container ? 150 : 20);
  const after = await effects(given);
  if (JSON.stringify(after) !== JSON.stringify(done))
    faults.push(`the first attempt wrote after it was taken over: ${JSON.stringify({ done, after })}`);
  const late = done.rows.filter(
    ({ n, attempt, by }) => attempt === 1 && by === 'connection' && !began.rows.some((row) => row.n === n),
  );
  if (late.length > 0) faults.push(`the first attempt wrote ${late.length} rows while the second one worked`);
  if (began.dumped.length + 8 !== done.dumped.length)
    faults.push(`the first attempt went on to dump while the second one worked`);
  if (given.container && began.dumpedInside.length + 8 !== done.dumpedInside.length)
    faults.push(`the first attempt went on to dump inside while the second one worked`);
  if (given.container && done.inside.length !== 1)
    faults.push(`the command inside that changes ran ${done.inside.length} times`);
  for (const command of runningIn(given.container)) faults.push(`it was left inside: ${command}`);
  const commands = done.rows.filter(({ by }) => by === 'command');
  if (commands.length !== 1) faults.push(`the command that changes ran ${commands.length} times`);
  return faults;
}

interface Effects {
  dumped: string[];
  dumpedInside: string[];
  inside: string[];
  rows: { n: number; attempt: number; by: string }[];
  live: string;
}

async function effects({ folder, database, trial }: Omit<Act, 'attempt'>): Promise<Effects> {
  const rows = await ask<Effects['rows'][number]>(
    database,
    'SELECT n, attempt, by FROM effects WHERE trial = $1 ORDER BY n',
    [trial],
  );
  const [dumped, dumpedInside, inside] = ['dumped', 'dumped-inside', 'inside'].map((name) => read(join(folder, name)));
  return { dumped, dumpedInside, inside, rows, live: readFileSync(join(folder, 'live'), 'utf8') } as Effects;
}

/** One for all trials: what one of them leaves in there is a fault of it. */
function startContainer(folder: string): string {
  const name = uniqueName();
  docker(
    'run',
    '--detach',
    '--init',
    '--name',
    name,
    '--volume',
    `${folder}:${folder}`,
    baseImage,
    'sleep',
    'infinity',
  );
  return name;
}

/** But for the container's own. */
function runningIn(container: string | undefined): string[] {
  if (container === undefined) return [];
  const [, ...lines] = docker('top', container, '-eo', 'pid,args').split('\n');
  return lines.filter((line) => !line.endsWith('sleep infinity') && !line.includes('<defunct>'));
}

/** Of a paused process; what it was just starting is soon a program of its own, and only then tells whether it outlives its worker. */
async function settledChildrenOf(pid: number): Promise<ReturnType<typeof childrenOf>> {
  const own = commandLine(pid);
  while (childrenOf(pid).attached.some((child) => ['', own].includes(commandLine(child)))) await wait(5);
  return childrenOf(pid);
}

/** The first attempt, in a process of its own, which is at the act once this resolves. */
async function begin(given: Omit<Act, 'attempt'>): Promise<ChildProcess> {
  const program = await compiled(new URL('act-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify({ ...given, attempt: 1 })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), once(child, 'exit')]);
  return child;
}

/** Its lines; none where it is not there. */
function read(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** One without a command line has given up its memory, and is as good as gone. */
function acts(pid: number): boolean {
  return commandLine(pid) !== '';
}

function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`).join(' ').replaceAll('\0', ' ');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}
