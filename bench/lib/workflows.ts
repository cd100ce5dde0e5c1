import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Call, Report, Run, StepName, StepResult } from '../../src/model.js';
import { acting, around, environmentOf, onHost } from '../../src/workflows/proxies.js';
import { runSaga } from '../../src/workflows/run-saga.js';
import { louds, noops } from './noops.js';

/** A whole run as `deploy` is one, with twenty steps that do nothing, each of which changes the system as far as anybody knows. */
export function saga(): Promise<Report> {
  return runSaga('deploy', { version: '2.0.0', by: 'bench' }, async ({ run, step }) => {
    for (const name of noops)
      await step(
        name,
        () => act('noop', run),
        () => act('noop', run),
      );
  });
}

/** The same with 25 steps whose tools print a gigabyte. */
export function loudSaga(): Promise<Report> {
  return runSaga('deploy', { version: '2.0.0', by: 'bench' }, async ({ run, step }) => {
    for (const name of louds)
      await step(
        name,
        () => act('loud', run),
        () => act('noop', run),
      );
  });
}

/** What proxies.ts does for the activities of a release. */
function act(activity: 'noop' | 'loud', run: Run): Promise<StepResult> {
  const here = around.getStore();
  if (!here) throw new Error('called outside a step');
  const call: Call = { run, at: here.at, notes: here.takeNotes() };
  return onHost(activity as StepName as 'stop', [call], here.summary);
}

/**
 * What one writes without Slipway: as many activities on the same queues, with the same timeouts (a worker that dies is noticed, a cancel
 * is heard), and with nothing in and nothing out.
 */
export async function plain(frame: boolean): Promise<void> {
  const taskQueue = environmentOf(workflowInfo().workflowId);
  const control = proxyActivities<{ plainNoop(): Promise<void> }>(acting);
  const onHost = proxyActivities<{ plainNoop(): Promise<void> }>({ ...acting, taskQueue });
  if (frame) {
    await control.plainNoop();
    await onHost.plainNoop();
  }
  for (let step = 0; step < noops.length; step++) await onHost.plainNoop();
  if (frame) await onHost.plainNoop();
}
