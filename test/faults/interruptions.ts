import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { readEvidence } from '../../src/lib/evidence.js';
import { runs as lives } from '../lib/support.js';
import type { Stand, StandSettings, WorkerProcess } from '../systems/stand.js';
import { findAtWork, type AtWork } from './at-work.js';
import { runs } from './follow.js';
import { generator } from './generator.js';
import type { Story } from './stories.js';
import { runStories, type Strike, type Totals } from './story-runs.js';
import type { Fault } from './truth.js';

/** `pause`: SIGSTOP until the other worker took over, then SIGCONT. `kill`: SIGKILL. */
export type How = 'pause' | 'kill';

export interface Interruptions {
  /** Decides every moment. */
  seed: number;
  /** Workers that are interrupted at work. */
  count: number;
  /** In turn. */
  how: How[];
  perRun?: number;
  servers?: StandSettings['servers'];
  say: (line: string) => void;
}
export interface Interrupted extends Totals {
  /** Commands that were running then, and have to be adopted. */
  running: number;
  /** Processes that had to be gone before the next attempt began. */
  attached: number;
}

interface Moment {
  step: string;
  part: number;
  how: How;
  /** Whether what the worker runs is paused as well. */
  withChildren: boolean;
}
/** One worker that was killed at work. */
interface Killed extends AtWork {
  at: number;
  /** When each process that had to die was gone. */
  gone: Promise<number[]>;
}

/** Of two workers the one at work is interrupted, again and again, and the other one takes over. The shop's heart is heard after two seconds instead of five. */
export async function runInterruptions(options: Interruptions): Promise<Interrupted> {
  const { seed, count, how, servers, say, perRun = 2 } = options;
  const random = generator(seed);
  const more = { running: 0, attached: 0 };
  const totals = await runStories({
    enough: (so) => so.strikes >= count || so.lost + so.duplicated + so.half > 20,
    stand: { ...(servers ? { servers } : {}), workflows: quickly },
    strike: () => interrupting(random, how, perRun, more),
    say,
  });
  return { ...totals, ...more };
}

function quickly(code: string): string {
  const changed = code.replaceAll("heartbeatTimeout: '5 seconds'", "heartbeatTimeout: '2 seconds'");
  if (changed === code) throw new Error('the workflows wait for a heartbeat in another way than was thought');
  return changed;
}

function interrupting(
  random: () => number,
  how: How[],
  perRun: number,
  more: { running: number; attached: number },
): Strike {
  return async ({ stand, took }, handle, run, story) => {
    const pair = await Pair.of(stand);
    const killed: Killed[] = [];
    const words: string[] = [];
    let over = false;
    const settled = run.ended.catch(() => undefined).then(() => (over = true));
    for (const { step, part, ...moment } of draw(random, story, how, perRun)) {
      const [undo, name] = [step.startsWith('undo '), step.replace('undo ', '')];
      // Before the wait: a worker takes longer to come up than a step.
      await pair.complete();
      while (!over && !(await runs(handle, name, undo))) await wait(3);
      await Promise.race([settled, wait(part * (took.get(step) ?? 300))]);
      const atWork = over ? undefined : await stopAtWork(stand.home);
      if (!atWork) continue;
      words.push(`${moment.how} ${step} at ${Math.round(part * 100)} %`);
      if (moment.how === 'pause') await pause(atWork, moment.withChildren);
      else killed.push(kill(atWork));
    }
    more.running += killed.reduce((sum, one) => sum + one.commands.length, 0);
    more.attached += killed.reduce((sum, one) => sum + one.attached.length, 0);
    return {
      strikes: words.length,
      late: perRun - words.length,
      text: words.join(', '),
      judge: (id) => judge(stand, id, killed),
      end: () => pair.end(),
    };
  };
}

/** In the order of the story, each step once. */
function draw(random: () => number, { steps }: Story, how: How[], count: number): Moment[] {
  const left = [...new Set(steps)];
  while (left.length > count) left.splice(Math.floor(random() * left.length), 1);
  return left.map((step) => ({
    step,
    part: random(),
    how: how[Math.floor(random() * how.length)] as How,
    withChildren: random() < 0.5,
  }));
}

/** Paused before it is looked at: else its act, or a command of it, could end between the look and the blow. undefined where none was at work by then. */
async function stopAtWork(home: string): Promise<AtWork | undefined> {
  const found = findAtWork(home);
  if (!found) return undefined;
  send(found.pid, 'SIGSTOP');
  // One of its threads may be in the middle of something on the other processor.
  await wait(5);
  const atWork = findAtWork(home);
  if (atWork?.pid === found.pid) return atWork;
  send(found.pid, 'SIGCONT');
  return undefined;
}

/** Until the other one took over, by which it is dead, or for longer than a heart may be silent. */
async function pause({ pid, attached, detached }: AtWork, withChildren: boolean): Promise<void> {
  const paused = [pid, ...(withChildren ? [...attached, ...detached] : [])];
  for (const one of paused) send(one, 'SIGSTOP');
  for (const end = Date.now() + 6_000; Date.now() < end && lives(pid);) await wait(20);
  for (const one of paused.reverse()) send(one, 'SIGCONT');
}

function kill(atWork: AtWork): Killed {
  const at = Date.now();
  send(atWork.pid, 'SIGKILL');
  return { ...atWork, at, gone: Promise.all(atWork.attached.map(whenGone)) };
}

async function whenGone(pid: number): Promise<number> {
  for (const end = Date.now() + 30_000; Date.now() < end; await wait(5)) if (!lives(pid)) return Date.now();
  return Infinity;
}

/** Every live command was adopted with its result, and everything else was gone before the next attempt began. */
async function judge({ home }: Stand, run: string | null, killed: Killed[]): Promise<Fault[]> {
  const entries = await readEvidence(join(home, 'runs', run ?? ''));
  const began = entries.flatMap(({ kind, data }) => (kind === 'step' ? [Date.parse(String(data.startedAt))] : []));
  const faults: Fault[] = [];
  for (const { at, gone, commands } of killed) {
    const retried = Math.min(...began.filter((moment) => moment > at));
    const late = (await gone).filter((moment) => moment > retried);
    if (late.length > 0)
      faults.push({ is: 'duplicated', text: `${late.length} processes lived when the next attempt began` });
    for (const folder of commands) {
      const entry = entries.find(
        ({ data }) => dirname((data.log as { path?: string } | undefined)?.path ?? '') === folder,
      );
      if (entry?.data.adopted !== true || typeof entry.data.exitCode !== 'number')
        faults.push({ is: 'lost', text: `${folder} was not adopted with its result` });
    }
  }
  return faults;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}

/** Two workers of one host. */
class Pair {
  private constructor(private readonly workers: WorkerProcess[]) {}

  static async of(stand: Stand): Promise<Pair> {
    return new Pair([stand.worker, await stand.another()]);
  }

  /** Both serve. */
  async complete(): Promise<void> {
    await Promise.all(this.workers.map(async (one) => lives(one.pid()) || one.restart()));
  }

  async end(): Promise<void> {
    await this.workers[1]?.kill();
    await this.workers[0]?.restart();
  }
}
