import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { fail } from '../../src/errors.js';
import type { Call } from '../../src/model.js';
import { ending, gate, keep, until, withBench, type Bench } from './harness.js';

const people = { ann: ['release-manager'], bob: ['developer'] };
const guarded = { people, gates: { go: gate({ roles: ['release-manager'], four_eyes: true }), 'sign-off': gate() } };

async function atGo({ start }: Bench, by = 'bob') {
  const handle = await start('deploy', { version: '2.0.0', by });
  const { questions } = await until(handle, (status) => status.questions[0]?.name === 'go');
  return { handle, plan: questions[0]?.plan ?? '' };
}

describe('messages', () => {
  it('counts an approval by signal that names the gate, the person and the plan', async () => {
    await withBench({ outline: { people, gates: { go: gate() } } }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      await handle.signal('approve', { gate: 'go', by: 'ann', plan });
      const report = await ending(handle);
      expect(report).toMatchObject({ outcome: 'deployed', approvals: [{ gate: 'go', by: 'ann' }] });
    });
  });

  it.each([
    [{ gate: 'go', by: 'ann', plan: '0000000' }, 'plan 0000000 is not what waits here'],
    [{ gate: 'go', by: 'ann' }, 'say what you answer: "plan":'],
    [{ gate: 'go', plan: 'PLAN' }, 'say who you are: "by"'],
    [{ gate: 'go', by: 'carl', plan: 'PLAN' }, 'carl is not in people.yaml'],
    [{ gate: 'go', by: 'bob', plan: 'PLAN' }, 'bob has none of the roles release-manager'],
    [{ gate: 'gone', by: 'ann', plan: 'PLAN' }, 'the gate gone is not open'],
    [{ gate: 'go', by: 'ann', plan: 'PLAN', force: 'yes' }, 'approve knows no force'],
    [{ gate: 'go', by: 7, plan: 'PLAN' }, 'by has to be a string'],
    ['go', 'approve takes one JSON object'],
    [undefined, 'approve takes one JSON object'],
  ])('records an approval that does not count, with the reason, and goes on: %j', async (input, reason) => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      const filled =
        typeof input === 'object' ? (JSON.parse(JSON.stringify(input).replace('PLAN', plan)) as object) : input;
      await (filled === undefined ? handle.signal('approve') : handle.signal('approve', filled));
      const status = await until(handle, ({ refusedCount }) => refusedCount === 1);
      expect(status.refused[0]?.reason).toContain(reason);
      expect(status.questions[0]?.name).toBe('go');
    });
  });

  it('lets nobody approve what they started, where four eyes are wanted', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench, 'ann');
      await expect(handle.executeUpdate('approve', { args: [{ gate: 'go', by: 'ann', plan }] })).rejects.toMatchObject({
        cause: { message: expect.stringContaining('ann started this run') as string },
      });
    });
  });

  it('refuses an update at once, and answers one that counts', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      await expect(
        handle.executeUpdate('approve', { args: [{ gate: 'go', by: 'ann', plan: 'wrong00' }] }),
      ).rejects.toMatchObject({ cause: { message: expect.stringContaining('is not what waits here') as string } });
      expect(await handle.executeUpdate('approve', { args: [{ gate: 'go', by: 'ann', plan }] })).toBe(
        'go: approve by ann',
      );
    });
  });

  it('counts one decision once, though it came as an update and as a signal', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      const id = randomUUID();
      await handle.executeUpdate('approve', { args: [{ gate: 'go', by: 'ann', plan, id }], updateId: id });
      await handle.signal('approve', { gate: 'go', by: 'ann', plan, id });
      const status = await until(handle, ({ questions }) => questions[0]?.name === 'sign-off');
      expect(status.refusedCount).toBe(0);
    });
  });

  it('keeps an early approval for its gate, and refuses a late one', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      await handle.signal('approve', { gate: 'sign-off', by: 'bob', plan });
      await handle.signal('approve', { gate: 'go', by: 'ann', plan });
      expect(await ending(handle)).toMatchObject({
        outcome: 'deployed',
        approvals: [{ gate: 'go' }, { gate: 'sign-off', by: 'bob' }],
      });
      const again = await atGo(bench);
      await again.handle.signal('approve', { gate: 'go', by: 'ann', plan: again.plan });
      await until(again.handle, ({ questions }) => questions[0]?.name === 'sign-off');
      await again.handle.signal('approve', { gate: 'go', by: 'ann', plan: again.plan });
      expect((await until(again.handle, ({ refusedCount }) => refusedCount === 1)).refused[0]?.reason).toContain(
        'decided already',
      );
    });
  });

  it('takes no early answer where data could be lost', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      await handle.signal('approve', { gate: 'rollback', by: 'ann', plan });
      expect((await until(handle, ({ refusedCount }) => refusedCount === 1)).refused[0]?.reason).toContain('not open');
    });
  });

  it('takes no deadline for a no where data could be lost; where none could, on_deadline: reject does', async () => {
    const gates = { rollback: gate({ deadlineMs: 200 }) };
    const costs = { ...keep, loss: { 'main.public.orders': 3 }, asks: true, hash: 'loss-3' };
    await withBench({ outline: { people, gates }, fakes: { choose: async () => costs } }, async ({ start }) => {
      const handle = await start('rollback', { by: 'bob' });
      const { questions } = await until(handle, (status) => status.questions[0]?.name === 'rollback');
      await vi.waitUntil(async () => {
        const { events } = await handle.fetchHistory();
        return events?.some((event) => event.timerFiredEventAttributes);
      }, 20_000);
      await handle.signal('approve', { gate: 'rollback', by: 'ann', plan: questions[0]?.plan });
      expect(await ending(handle)).toMatchObject({ outcome: 'done', approvals: [{ gate: 'rollback', by: 'ann' }] });
    });
    await withBench({ outline: { people, gates } }, async ({ start }) => {
      const report = await ending(await start('rollback', { by: 'bob' }));
      expect(report).toMatchObject({ outcome: 'no-go', reason: 'rollback: expired' });
    });
  });

  it('gives a run a code of its own: an approval for another run of the same plan does not count', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const first = await atGo(bench);
      await first.handle.cancel();
      await ending(first.handle);
      const second = await atGo(bench);
      expect(second.plan).not.toBe(first.plan);
    });
  });

  it('ends no-go when the gate is rejected, with the reason', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      await handle.signal('reject', { gate: 'go', by: 'ann', plan, reason: 'tickets open' });
      expect(await ending(handle)).toMatchObject({ outcome: 'no-go', reason: 'go: reject by ann: tickets open' });
    });
  });

  it('puts asked checks to people, and takes their answers', async () => {
    const asked = {
      name: 'login',
      outcome: 'skip' as const,
      must: 'must' as const,
      expected: 'pass',
      seen: '',
      where: 'x:1',
      tookMs: 0,
      ask: { text: 'Login works', role: 'release-manager' },
    };
    const check = async (call: Call) => ({
      phase: call.at.step,
      results: call.at.step === 'verify' && !call.at.undo ? [asked] : [],
    });
    await withBench({ outline: { people }, fakes: { check } }, async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0', by: 'bob' });
      const { questions } = await until(handle, (status) => status.questions.length > 0);
      expect(questions[0]).toMatchObject({
        name: 'login',
        is: 'check',
        text: 'Login works',
        answers: ['pass', 'fail', 'n/a'],
        roles: ['release-manager'],
      });
      await handle.signal('answer', { to: 'login', answer: 'maybe', by: 'ann', plan: questions[0]?.plan });
      await handle.signal('answer', { to: 'login', answer: 'pass', by: 'bob', plan: questions[0]?.plan });
      expect((await until(handle, ({ refusedCount }) => refusedCount === 2)).refused.map((one) => one.reason)).toEqual([
        'answer maybe does not fit login: say pass, fail, n/a',
        'bob has none of the roles release-manager',
      ]);
      await handle.signal('answer', { to: 'login', answer: 'pass', by: 'ann', plan: questions[0]?.plan });
      expect(await ending(handle)).toMatchObject({ outcome: 'deployed' });
    });
  });

  it('records unknown names and what cannot be decoded, and goes on', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      await handle.signal('aprove', { gate: 'go' });
      const payload = (encoding: string, data: string) => ({
        metadata: { encoding: Buffer.from(encoding) },
        data: Buffer.from(data),
      });
      for (const odd of [payload('binary/encrypted', 'x'), payload('json/plain', '{not json')]) {
        await bench.client.workflowService.signalWorkflowExecution({
          namespace: 'default',
          workflowExecution: { workflowId: bench.environment },
          signalName: 'approve',
          input: { payloads: [odd] },
        });
      }
      const status = await until(handle, ({ refusedCount }) => refusedCount === 3);
      expect(status.refused.map((one) => one.reason)).toEqual([
        'there is no signal aprove: send approve, reject, answer or rollback',
        'it cannot be decoded',
        'it cannot be decoded',
      ]);
      await handle.signal('approve', { gate: 'go', by: 'ann', plan });
      await until(handle, ({ questions }) => questions[0]?.name === 'sign-off');
    });
  });

  it('keeps the last fifty refusals and counts the rest, without an event for each', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle } = await atGo(bench);
      for (let i = 0; i < 60; i++) await handle.signal('nonsense', {});
      const status = await until(handle, ({ refusedCount }) => refusedCount === 60);
      expect(status.refused).toHaveLength(50);
      const { historyLength } = await handle.describe();
      expect(historyLength).toBeLessThan(60 * 4 + 60);
    });
  });

  it('asks again after a Reset: what was approved before does not count for the new execution', async () => {
    await withBench({ outline: { ...guarded, gates: { go: guarded.gates.go } } }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      await handle.signal('approve', { gate: 'go', by: 'ann', plan });
      await ending(handle);
      const history = await handle.fetchHistory();
      const signalled = history.events?.findIndex((event) => event.workflowExecutionSignaledEventAttributes) ?? 0;
      const before = history.events
        ?.slice(0, signalled)
        .reverse()
        .find((event) => event.workflowTaskCompletedEventAttributes);
      const reset = await bench.client.workflowService.resetWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: bench.environment, runId: (await handle.describe()).runId },
        workflowTaskFinishEventId: before?.eventId,
        requestId: randomUUID(),
        reason: 'test',
      });
      const again = bench.client.workflow.getHandle(bench.environment, reset.runId);
      const status = await until(
        again,
        ({ questions, refusedCount }) => questions[0]?.name === 'go' && refusedCount === 1,
      );
      expect(status.questions[0]?.plan).not.toBe(plan);
      await again.signal('approve', { gate: 'go', by: 'ann', plan: status.questions[0]?.plan });
      expect(await ending(again)).toMatchObject({ outcome: 'deployed' });
    });
  });

  it('describes its handlers with an example for the dialogs of the UI', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle } = await atGo(bench);
      const metadata = await handle.query<{
        definition: { signalDefinitions: { name: string; description: string }[] };
      }>('__temporal_workflow_metadata');
      const approve = metadata.definition.signalDefinitions.find((one) => one.name === 'approve');
      expect(approve?.description).toContain('{"gate":"go","by":"ann","plan":"a1b2c3d"}');
    });
  });

  it('shows the command that answers the open gate in its current details', async () => {
    await withBench({ outline: guarded }, async (bench) => {
      const { handle, plan } = await atGo(bench);
      const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
      expect(metadata.currentDetails).toContain(`slipway approve ${bench.environment} go --plan ${plan} --by NAME`);
      expect(metadata.currentDetails).toContain(
        `temporal workflow signal --workflow-id ${bench.environment} --name approve`,
      );
    });
  });

  it('keeps a signal that arrives while no worker runs', async () => {
    await withBench({ outline: guarded, worker: false }, async (bench) => {
      const worker = await bench.worker();
      const { handle, plan } = await atGo(bench);
      await worker.stop();
      await handle.signal('approve', { gate: 'go', by: 'ann', plan });
      await bench.worker();
      await until(handle, ({ questions }) => questions[0]?.name === 'sign-off');
    });
  });

  it('fails a step with an activity result that cannot be decoded', async () => {
    const fakes = { stop: async () => ({ slipwayUndecodable: 'its encoding is binary/encrypted' }) };
    await withBench({ fakes }, async ({ start }) => {
      expect((await ending(await start('deploy', { version: '2.0.0' }))).reason).toContain(
        'the result of stop cannot be decoded',
      );
    });
  });

  it('throws what a failed command said, not Temporal’s wrapping of it', async () => {
    const fakes = {
      stop: async () => {
        throw fail('CommandFailed', 'stop.sh ended with exit code 3');
      },
    };
    await withBench({ fakes }, async ({ start }) => {
      expect((await ending(await start('deploy', { version: '2.0.0' }))).reason).toBe(
        'stop: stop.sh ended with exit code 3',
      );
    });
  });
});
