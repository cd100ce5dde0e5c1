import { readdirSync, readFileSync } from 'node:fs';
import { isAlive, ownIdentity, unbornOf, type ProcessIdentity } from './process-identity.js';

const variable = 'SLIPWAY_ATTACHED';

/** In the environment of each command that must die with this process, and so of all that the command starts, wherever it goes. */
export function attachedMark(): Record<string, string> {
  return { [variable]: value(ownIdentity()) };
}

/** Sends SIGKILL to what still carries the mark of that process; how many there were. Of other users' processes nothing can be seen. */
export function killMarked(by: ProcessIdentity): number {
  const mark = `\0${variable}=${value(by)}\0`;
  const marked = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(mark));
  for (const pid of marked) send(Number(pid), 'SIGKILL');
  return marked.length;
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

/** Empty for a process that ended, and for one that is about to. */
function environmentOf(pid: string): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
  } catch {
    return '';
  }
}

function value({ bootId, pid, startTime }: ProcessIdentity): string {
  return `${bootId}.${pid}.${startTime}`;
}
