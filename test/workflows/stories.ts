import type { WorkflowHandle } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { fail } from '../../src/errors.js';
import { ending, gate, until, withBench, type Bench, type Fakes } from './harness.js';

export interface Told {
  workflowId: string;
  history: History;
}
type Story = (address: string) => Promise<Told>;
interface Scene {
  outline?: NonNullable<Parameters<typeof withBench>[0]['outline']>;
  fakes?: Fakes;
}

const gates = { go: gate({ roles: ['release-manager'] }), 'sign-off': gate() };
const people = { ann: ['release-manager'], bob: [] };
const once = (error: Error) => {
  let thrown = false;
  return async () => {
    if (thrown) return {};
    thrown = true;
    throw error;
  };
};

/** The ways a run can go, each told on the server at `address`; their histories must replay with every later build of the workflows. */
export const stories: Record<string, Story> = {
  'deploy-approved': told({ outline: { gates, people, watchMs: 1000 } }, async ({ start }) => {
    const handle = await start('deploy', { version: '2.0.0', by: 'bob' });
    await handle.signal('approve', { gate: 'go', by: 'mallory', plan: '0000000' });
    await approve(handle, 'go');
    await approve(handle, 'sign-off');
    return handle;
  }),

  'deploy-rolled-back': told(
    {
      fakes: {
        check: async (call, release) => ({
          phase: call.at.step,
          results: [
            {
              name: 'health',
              outcome: call.at.step === 'verify' && !release ? 'fail' : 'pass',
              must: 'must',
              expected: '200',
              seen: '503',
              where: 'systems/shop.yaml:52',
              tookMs: 3,
            },
          ],
        }),
      },
    },
    ({ start }) => start('deploy', { version: '3.0.0', by: 'bob' }),
  ),

  'deploy-retried': told(
    { outline: { on_failure: 'ask', people }, fakes: { migrate: once(fail('MigrationFailed', 'column exists')) } },
    async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0', by: 'bob' });
      const { questions } = await until(handle, (status) => status.questions[0]?.name === 'migrate');
      await handle.signal('answer', { to: 'migrate', answer: 'retry', by: 'ann', plan: questions[0]?.plan });
      return handle;
    },
  ),

  'deploy-cancelled': told({ outline: { gates, people } }, async ({ start }) => {
    const handle = await start('deploy', { version: '2.0.0', by: 'bob' });
    await approve(handle, 'go');
    await until(handle, ({ questions }) => questions[0]?.name === 'sign-off');
    await handle.cancel();
    return handle;
  }),

  rollback: told(
    {
      outline: { gates: { rollback: gate({ on_deadline: 'remind', deadlineMs: 3_600_000 }) }, people },
      fakes: {
        choose: async () => ({
          decision: 'put-back',
          reason: 'the data of noon',
          loss: { 'main.public.orders': 3 },
          drops: [],
          asks: true,
          hash: 'loss-3',
        }),
      },
    },
    async ({ start }) => {
      const handle = await start('rollback', { by: 'bob' });
      await approve(handle, 'rollback');
      return handle;
    },
  ),

  'deploy-reset': told({ outline: { gates, people } }, async ({ start, client, environment }) => {
    const first = await start('deploy', { version: '2.0.0', by: 'bob' });
    await approve(first, 'go');
    await until(first, ({ questions }) => questions[0]?.name === 'sign-off');
    const { runId } = await client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: environment, runId: (await first.describe()).runId },
      reason: 'told',
      requestId: 'told',
      workflowTaskFinishEventId: (await taskBefore(await first.fetchHistory(), 'fetch')) as never,
    });
    const again = client.workflow.getHandle(environment, runId);
    await approve(again, 'sign-off');
    return again;
  }),
};

/** The finished workflow task that had that activity scheduled: a reset to it does the activity again. */
export async function taskBefore(history: History, activity: string): Promise<number> {
  const scheduled = history.events?.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity,
  );
  if (!scheduled) throw new Error(`${activity} was never scheduled`);
  return Number(scheduled.activityTaskScheduledEventAttributes?.workflowTaskCompletedEventId);
}

function told(scene: Scene, tell: (bench: Bench) => Promise<WorkflowHandle>): Story {
  return async (address) => {
    let found: Told | undefined;
    await withBench({ ...scene, address, environment: 'shop/local', identity: 'recorder' }, async (bench) => {
      const handle = await tell(bench);
      await ending(handle);
      found = {
        workflowId: bench.environment,
        history: underItsOwnId(await handle.fetchHistory(), (await handle.describe()).runId),
      };
    });
    if (!found) throw new Error('nothing was told');
    return found;
  };
}

/** A replay takes the execution's id from here. After a Reset the server leaves the first one's there, which no real worker ever sees. */
function underItsOwnId(history: History, runId: string): History {
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (started) started.originalExecutionRunId = runId;
  return history;
}

async function approve(handle: WorkflowHandle, name: string): Promise<void> {
  const { questions } = await until(handle, (status) => status.questions[0]?.name === name);
  await handle.signal('approve', { gate: name, by: 'ann', plan: questions[0]?.plan });
}
