import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isAlive, ownIdentity, unbornOf, type ProcessIdentity } from './process-identity.js';

const variable = 'SLIPWAY_ATTACHED';

/** In the environment of each command that must die with this process, and so of all that the command starts, wherever it goes. */
export function attachedMark(): Record<string, string> {
  return { [variable]: value(ownIdentity()) };
}

/**
 * Sends SIGKILL to what still carries the mark of that process. How many there were, and how many cannot be told since they are just becoming another
 * program. Of other users' processes nothing can be seen.
 */
export function killMarked(by: ProcessIdentity): { marked: number; unclear: number } {
  const mark = `\0${variable}=${value(by)}\0`;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const seen = pids.map((name) => ({ pid: Number(name), environment: look(name, 'environ') }));
  const marked = seen.filter(({ environment }) => `\0${environment}`.includes(mark));
  for (const { pid } of marked) send(pid, 'SIGKILL');
  const unclear = seen.filter(({ pid, environment }) => environment === '' && isChanging(pid));
  return { marked: marked.length, unclear: unclear.length };
}

/** In the middle of an exec: it has a program, and neither arguments nor an environment. */
function isChanging(pid: number): boolean {
  if (look(`${pid}`, 'cmdline') !== '') return false;
  try {
    return readlinkSync(`/proc/${pid}/exe`) !== '';
  } catch {
    return false; // a part of the kernel, or gone
  }
}

/** Sends SIGKILL to just this process, if it still runs, and to what it was just starting, which carries no mark yet. */
export function killProcess(identity: ProcessIdentity): void {
  if (!isAlive(identity)) return;
  send(identity.pid, 'SIGSTOP');
  for (const pid of [...unbornOf(identity.pid), identity.pid]) send(pid, 'SIGKILL');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone meanwhile, or another user's: whoever waits for its end sees which.
  }
}

/** undefined where it cannot be read. */
function look(pid: string, what: 'environ' | 'cmdline'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'latin1');
  } catch {
    return undefined;
  }
}

function value({ bootId, pid, startTime }: ProcessIdentity): string {
  return `${bootId}.${pid}.${startTime}`;
}
