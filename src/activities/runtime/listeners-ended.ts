import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../../errors.js';
import { readJson, writeAtomic } from '../../lib/files.js';
import { isAlive } from '../../lib/process-identity.js';
import type { StepContext } from '../context.js';
import { listenersOn, nameListeners, processesBehind, type ListeningProcess } from './listeners.js';
import { awaitNoWorkers, ownAmong } from './own-processes.js';
import { settingsOf } from './settings.js';
import { awaitClosed } from './wait-for-ports.js';

const pauseMs = 20;

/**
 * Writes down which processes listen, before the command that stops them: once a port is closed, nothing else tells who held it. With those that an
 * earlier call of the run found and that still run, since a retry, or the next worker, may find the ports closed.
 */
export async function noteListeners(context: StepContext): Promise<ListeningProcess[]> {
  // Only behind its own ports: who lets users in may serve others as well, and live on.
  const { ports } = settingsOf(context.definition);
  const all = [...(await notedAlive(context)), ...processesBehind(await ownAmong(context, await listenersOn(ports)))];
  const noted = [...new Map(all.map((one) => [`${one.port} ${one.pid}`, one])).values()];
  if (noted.length > 0) await writeAtomic(notePath(context), JSON.stringify(noted));
  return noted;
}

/** Those that an earlier call of the run wrote down, and that still run. */
export async function notedAlive(context: StepContext): Promise<ListeningProcess[]> {
  return ((await readJson<ListeningProcess[]>(notePath(context))) ?? []).filter(isAlive);
}

function notePath({ folder }: StepContext): string {
  return join(folder, 'listeners.json');
}

/** Returns once nothing answers on any of the ports, and none of those noted runs. Throws NotStopped: a process that closed its port may still write. */
export async function awaitEnded(context: StepContext, noted: ListeningProcess[], ports: number[]): Promise<void> {
  const { timeoutMs } = settingsOf(context.definition);
  const deadline = Date.now() + timeoutMs;
  await awaitClosed(ports, timeoutMs);
  for (;;) {
    const left = noted.filter(isAlive);
    if (left.length === 0) return awaitNoWorkers(context, deadline);
    if (Date.now() > deadline) {
      const seconds = Math.round(timeoutMs / 1000);
      throw fail(
        'NotStopped',
        `${nameListeners(left)} listens no longer, but still runs ${seconds} s after the command: end it, then retry`,
      );
    }
    await wait(pauseMs);
  }
}
