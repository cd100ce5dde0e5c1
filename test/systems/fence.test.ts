import { randomUUID } from 'node:crypto';
import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { HostState } from '../../src/activities/index.js';
import { readJournal } from '../../src/lib/journal.js';
import { taskBefore } from '../workflows/stories.js';
import { asked, approve, look } from './looks.js';
import { inSecondNamespace } from './second-namespace.js';
import { approveAll, ending, until, withStand, type Ended, type Stand } from './stand.js';

const signedOff = (yaml: string) => yaml.replace('sign-off: none', 'sign-off: { roles: [release-manager] }');
const asking = (yaml: string) => yaml.replace('on_failure: rollback', 'on_failure: ask');

describe('a release that is half done keeps every other run away from its environment', () => {
  it('a second start, a second namespace, a Reset to before the stop, one to the beginning, and whatever is started then', async () => {
    await withStand(async (stand) => {
      const { go, start, client, environment } = stand;
      const holder = await start('deploy', { version: '1.0.0', by: 'bob' });
      await asked(holder, 'sign-off');
      const before = await look(stand);

      await expect(start('deploy', { version: '3.0.0' })).rejects.toBeInstanceOf(WorkflowExecutionAlreadyStartedError);
      await inSecondNamespace(stand, async (second) => {
        const held = { outcome: 'failed-unchanged', failed: true, problem: 'Held' };
        await refused(stand, await ending(await second.start('deploy', { version: '3.0.0', by: 'bob' })), held);
        await refused(stand, await ending(await second.start('rollback', { by: 'bob' })), held);
        await refused(stand, await ending(await second.start('adopt', { by: 'bob' })), held);
        await recovered(stand, await second.start('recover'));
      });
      expect(await look(stand)).toEqual(before);

      const history = await holder.fetchHistory();
      // Approvals from before the Reset do not count: go is asked again, and even a yes gets no further than the fence.
      await refused(stand, await approveAll(await reset(client, environment, await taskBefore(history, 'stop'))), { outcome: 'failed-unchanged', failed: true, problem: 'Fenced', current: null });
      await refused(stand, await ending(await reset(client, environment, await taskBefore(history, 'resolve'))), { outcome: 'failed-unchanged', failed: true, problem: 'Held' });
      await refused(stand, await go('rollback', { by: 'bob' }), { outcome: 'failed-unchanged', failed: true, problem: 'Held' });
      await recovered(stand, await start('recover', {}));
      expect(await look(stand)).toEqual(before);
    }, { definition: signedOff });
  }, 600_000);

  it('a start with TerminateExisting while a failure waits for an answer', async () => {
    await withStand(async (stand) => {
      const { go, start, client, environment, home } = stand;
      const failing = await start('deploy', { version: '3.0.0', by: 'bob' });
      await asked(failing, 'verify');
      const waiting = await look(stand);
      const { runId } = await failing.describe();
      const options = { taskQueue: 'slipway', workflowId: environment, args: [{ version: '2.0.0' }], workflowIdConflictPolicy: 'TERMINATE_EXISTING' as const };
      await refused(stand, await ending(await client.workflow.start('deploy', options)), { outcome: 'failed-unchanged', failed: true, problem: 'Held' });
      expect((await client.workflow.getHandle(environment, runId).describe()).status.name).toBe('TERMINATED');
      await recovered(stand, await start('recover', {}));
      expect(await look(stand)).toEqual(waiting);
      expect(await readJournal(home)).toMatchObject({ last: { step: 'start' } });
      expect(await go('deploy', { version: '2.0.0', by: 'bob' })).toMatchObject({ outcome: 'failed-unchanged', problem: 'Held' });
    }, { definition: asking });
  }, 600_000);

  it('a Terminate in the middle of a step', async () => {
    const slowly = (yaml: string) => yaml.replace('exec sh scripts/start.sh', 'sleep 1; exec sh scripts/start.sh');
    await withStand(async (stand) => {
      const { go, start, home } = stand;
      const running = await start('deploy', { version: '1.0.0', by: 'bob' });
      await approve(running, 'go');
      await until(async () => (await stand.ledger()).includes('start 1.0.0'));
      await running.terminate('by mistake');
      await refused(stand, await go('deploy', { version: '2.0.0', by: 'bob' }), { outcome: 'failed-unchanged', failed: true, problem: 'Held' });
      expect(await readJournal(home)).toMatchObject({ last: { step: 'start' } });
      expect((await stand.ledger()).filter((line) => line.startsWith('start'))).toEqual(['start 1.0.0']);
      await recovered(stand, await start('recover', {}));
    }, { definition: slowly });
  }, 600_000);

  it('and one that ended, or that others overtook, may not act again', async () => {
    await withStand(async (stand) => {
      const { go, start, client, environment } = stand;
      await inSecondNamespace(stand, async (second) => {
        const late = await second.start('deploy', { version: '2.0.0', by: 'bob' });
        const { plan } = await asked(late, 'go');
        const first = await start('deploy', { version: '1.0.0', by: 'bob' });
        await approve(first, 'go');
        expect(await ending(first)).toMatchObject({ outcome: 'deployed' });
        const before = await look(stand);

        await late.signal('approve', { gate: 'go', by: 'ann', plan });
        const overtaken = await ending(late);
        expect(overtaken).toMatchObject({ failed: true, problem: 'Fenced' });
        expect(overtaken.reason).toContain('moved on');
        expect(await look(stand)).toEqual(before);

        const again = await approveAll(await reset(client, environment, await taskBefore(await first.fetchHistory(), 'stop')));
        expect(again).toMatchObject({ failed: true, problem: 'Fenced' });
        expect(again.reason).toContain(`run ${again.run} ended already`);
        expect(await look(stand)).toEqual(before);
      });
      expect(await go('deploy', { version: '2.0.0', by: 'bob' })).toMatchObject({ outcome: 'deployed' });
    });
  }, 600_000);
});

/** Every refusal names the run that holds, its last changing step, and what to type. */
async function refused({ home, environment }: Stand, report: Ended, expected: object): Promise<void> {
  const journal = await readJournal(home);
  expect(report).toMatchObject(expected);
  expect(report.reason).toContain(`${environment} is held by run ${journal?.run}`);
  expect(report.reason).toContain(journal?.last.step);
  expect(report.reason).toContain(`slipway recover ${environment}`);
}

/** `recover` shows the state and the way back by hand, and ends well. */
async function recovered({ home, environment }: Stand, handle: WorkflowHandle): Promise<void> {
  const state = (await handle.result()) as HostState;
  const journal = await readJournal(home);
  expect(state).toMatchObject({ environment, journal, lastStep: journal?.last.step, undoPath: expect.stringContaining(`${journal?.run}/undo.md`) as string });
  expect(state.undo).toContain('```sh\nset -eu\n');
  expect((await handle.describe()).status.name).toBe('COMPLETED');
}

async function reset(client: Client, workflowId: string, task: number): Promise<WorkflowHandle> {
  const { runId } = await client.workflow.getHandle(workflowId).describe();
  const made = await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace, workflowExecution: { workflowId, runId }, reason: 'by mistake', requestId: randomUUID(), workflowTaskFinishEventId: task as never,
  });
  return client.workflow.getHandle(workflowId, made.runId);
}
