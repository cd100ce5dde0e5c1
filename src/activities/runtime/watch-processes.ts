import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../../errors.js';
import { descendantsOf, isAlive, type ProcessIdentity } from '../../lib/process-identity.js';
import { processesBehind, type Listener } from './listeners.js';

const pauseMs = 100;

/**
 * Watches for `observeMs` that none of the listeners ends, and nothing that they started: a parent may hold the port while its workers die, one
 * after the other. Throws NotStarted, naming the first that ended, and what the start command `printed`.
 */
export async function watchProcesses(listeners: Listener[], observeMs: number, printed: string): Promise<void> {
  const roots = processesBehind(listeners);
  const pids = roots.map(({ pid }) => pid);
  const seen = new Map<string, ProcessIdentity & { program: string }>();
  for (const end = Date.now() + observeMs; ;) {
    for (const one of [...roots, ...descendantsOf(pids)]) seen.set(`${one.pid} ${one.startTime}`, one);
    const ended = [...seen.values()].find((one) => !isAlive(one));
    if (ended) {
      const whose = pids.includes(ended.pid) ? 'listened' : `process ${pids.join(' or ')} started`;
      throw fail(
        'NotStarted',
        `${ended.program} (pid ${ended.pid}), which ${whose}, ended while the start was observed; its command printed: ${printed}`,
      );
    }
    const left = end - Date.now();
    if (left <= 0) return;
    await wait(Math.min(pauseMs, left));
  }
}
