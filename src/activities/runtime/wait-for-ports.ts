import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../../errors.js';
import { listenersOn, nameListeners, openPorts } from './listeners.js';

const pauseMs = 100;

/** Returns once nothing answers on any of the ports. Throws NotStopped, naming who still listens. */
export async function awaitClosed(ports: number[], timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const open = await openPorts(ports);
    if (open.length === 0) return;
    if (Date.now() > deadline) {
      const seconds = Math.round(timeoutMs / 1000);
      const who = await whoHolds(open);
      throw fail('NotStopped', `${who} still listens ${seconds} s after the command: ${howToEnd(who)}, then retry`);
    }
    await wait(pauseMs);
  }
}

/** A socket that systemd holds would start the version before with the next request. */
function howToEnd(who: string): string {
  return /: systemd\b/.test(who) ? 'have the stop command stop its socket unit as well' : 'end it';
}

/** Returns once each of the ports answers. Throws NotStarted. */
export async function awaitOpen(ports: number[], timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const open = await openPorts(ports);
    const closed = ports.filter((port) => !open.includes(port));
    if (closed.length === 0) return;
    if (Date.now() > deadline)
      throw fail('NotStarted', `nothing listens on port ${closed.join(', ')} after ${Math.round(timeoutMs / 1000)} s`);
    await wait(pauseMs);
  }
}

/** `port 8100: node (pid 123)`; a port that only answers (forwarded from elsewhere) has no such name. */
export async function whoHolds(ports: number[]): Promise<string> {
  const listeners = await listenersOn(ports);
  const unnamed = ports.filter((port) => !listeners.some((listener) => listener.port === port));
  return [nameListeners(listeners), ...unnamed.map((port) => `port ${port}: something forwarded`)]
    .filter(Boolean)
    .join(', ');
}
