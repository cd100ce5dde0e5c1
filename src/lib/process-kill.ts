import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../errors.js';
import { membersOf } from './process-identity.js';

/**
 * Ends every process of a group or session: SIGTERM, after `graceMs` SIGKILL; returns when none is left.
 * Throws OutcomeUnknown where one survives SIGKILL for 10 s (it hangs in the kernel).
 */
export async function killAll(kind: 'group' | 'session', id: number, graceMs: number): Promise<void> {
  send(kind, id, 'SIGTERM');
  if (await gone(kind, id, graceMs)) return;
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    // Again and again, since a member may have forked between the look and the kill.
    send(kind, id, 'SIGKILL');
    if (await gone(kind, id, 100)) return;
  }
  const pids = membersOf(kind, id).map(({ pid }) => pid);
  throw fail(
    'OutcomeUnknown',
    `process ${pids.join(', ')} survived SIGKILL: look at what it waits for before going on`,
  );
}

async function gone(kind: 'group' | 'session', id: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  for (let pauseMs = 2; !isEmpty(kind, id); pauseMs = Math.min(pauseMs * 2, 50)) {
    if (Date.now() >= deadline) return false;
    await wait(pauseMs);
  }
  return true;
}

function isEmpty(kind: 'group' | 'session', id: number): boolean {
  if (kind === 'group') {
    try {
      process.kill(-id, 0);
    } catch {
      return true;
    }
  }
  // Zombies still answer that call, and where nobody reaps them they stay.
  return membersOf(kind, id).length === 0;
}

function send(kind: 'group' | 'session', id: number, signal: NodeJS.Signals): void {
  const groups = kind === 'group' ? [id] : membersOf(kind, id).map(({ group }) => group);
  for (const group of new Set(groups)) {
    try {
      process.kill(-group, signal);
    } catch {
      // Gone meanwhile.
    }
  }
}
