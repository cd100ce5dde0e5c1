import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../../errors.js';
import { anyExitCode, type StepContext } from '../context.js';
import { requestFor, settingsOf } from './settings.js';

const pauseMs = 200;

/**
 * Waits until the system's own status command agrees that all runs (exit code 0), or that nothing does. Ports are
 * the proof; this finds what listens on none. Does nothing where there is no such command. Throws NotStarted or NotStopped with its last line.
 */
export async function awaitStatus(context: StepContext, wanted: 'runs' | 'stopped'): Promise<void> {
  const { status, timeoutMs } = settingsOf(context.definition);
  if (!status) return;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const { exitCode, tail } = await context.read({ ...requestFor(context, status), ok: anyExitCode });
    if ((exitCode === 0) === (wanted === 'runs')) return;
    if (Date.now() > deadline) {
      const said = `${status.join(' ')} ends with ${exitCode}; its last line: ${tail.trim().split('\n').at(-1) || 'none'}`;
      throw wanted === 'runs'
        ? fail('NotStarted', `the ports are open, but ${said}`)
        : fail('NotStopped', `the ports are closed, but ${said}: end what still runs, then retry`);
    }
    await wait(pauseMs);
  }
}
