import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Place {
  host: string;
  port: number;
}

const PAUSE_MS = 10;
const PATIENCE_MS = 1000;

/** Who waits for a place that refuses connections. */
const waiting = new Map<string, Set<() => void>>();

/** Resolves once the place takes connections, or with `signal`. One knocks for all who wait for it, and sends nothing. */
export function untilTaken(place: Place, signal: AbortSignal): Promise<void> {
  const key = `${place.host} ${place.port}`;
  const waiters = waiting.get(key) ?? new Set();
  return new Promise((resolve) => {
    const wake = () => {
      waiters.delete(wake);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    waiters.add(wake);
    signal.addEventListener('abort', wake);
    if (signal.aborted) wake();
    else if (!waiting.has(key)) {
      waiting.set(key, waiters);
      void knock(key, place, waiters);
    }
  });
}

async function knock(key: string, place: Place, waiters: Set<() => void>): Promise<void> {
  while (waiters.size > 0 && !(await isTaken(place))) await sleep(PAUSE_MS);
  waiting.delete(key);
  for (const wake of [...waiters]) wake();
}

function isTaken({ host, port }: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS });
    const end = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
