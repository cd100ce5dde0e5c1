import { describe, expect, it } from 'vitest';
import { fail } from '../../src/errors.js';
import type { Call, Choice } from '../../src/model.js';
import { ending, gate, until, withBench, type Fakes } from './harness.js';

const forward = [
  'preflight',
  'fetch',
  'backup',
  'rehearse',
  'stop',
  'standby',
  'switch',
  'migrate',
  'start',
  'verify',
  'open',
  'record',
];
const failing = (step: string) => async (call: Call) => {
  if (call.at.step === step && !call.at.undo) throw fail('CommandFailed', `${step} broke`);
  return {};
};
/** What the data decision says where that many changes would be lost. */
const costing = (changes: number | null): Choice => ({
  decision: 'put-back',
  reason: 'the data of noon',
  loss: changes === null ? null : { 'main.public.orders': changes },
  drops: [],
  asks: true,
  hash: `loss-${changes}`,
});

describe('deploy', () => {
  it('goes through its steps in the order of the runbook', async () => {
    await withBench({}, async ({ start, log }) => {
      const report = await ending(await start('deploy', { version: '2.0.0' }));
      expect(report).toMatchObject({ outcome: 'deployed', failed: false, current: '2.0.0' });
      expect(log.filter((one) => one !== 'backup' && one !== 'fetch')).toEqual(
        forward.filter((one) => one !== 'backup' && one !== 'fetch'),
      );
      expect(log.slice(1, 3).sort()).toEqual(['backup', 'fetch']);
    });
  });

  it('stays within 110 history events when all goes well', async () => {
    await withBench({}, async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      await handle.result();
      expect((await handle.describe()).historyLength).toBeLessThanOrEqual(110);
    });
  });

  it('says no-go when a check before the first change fails, and changes nothing', async () => {
    const result = {
      name: 'disk',
      outcome: 'fail' as const,
      must: 'must' as const,
      expected: '1 GB',
      seen: '3 MB',
      where: 'unasked',
      tookMs: 1,
    };
    await withBench(
      { fakes: { check: async (call) => ({ phase: call.at.step, results: [result] }) } },
      async ({ start, log }) => {
        const report = await ending(await start('deploy', { version: '2.0.0' }));
        expect(report).toMatchObject({ outcome: 'no-go', failed: true });
        expect(report.reason).toContain('disk (unasked): expected 1 GB, seen 3 MB');
        expect(log).toEqual(['preflight', 'record']);
      },
    );
  });

  it('goes on where a check that need not pass fails, and shows the warning to whoever decides', async () => {
    const failed = (name: string, must: 'warn' | 'record') => ({
      ...{
        name,
        must,
        outcome: 'fail' as const,
        expected: '1 GB',
        seen: '3 MB',
        where: 'systems/shop.yaml:9',
        tookMs: 1,
      },
    });
    const results = [failed('room', 'warn'), failed('speed', 'record')];
    const fakes: Fakes = { check: async (call) => ({ phase: call.at.step, results }) };
    await withBench({ fakes, outline: { gates: { go: gate() } } }, async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0', by: 'bob' });
      const { questions } = await until(handle, (status) => status.questions.length > 0);
      expect(questions[0]?.detail).toEqual([
        'change: none',
        'warning: room (systems/shop.yaml:9): expected 1 GB, seen 3 MB',
      ]);
      await handle.signal('approve', { gate: 'go', by: 'ann', plan: questions[0]?.plan });
      expect(await ending(handle)).toMatchObject({ outcome: 'deployed' });
    });
  });

  it('shows each of 200 checks of one phase, while they run and afterwards, and spends no event on one', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `check-${i}-of-many`);
    const result = {
      outcome: 'pass' as const,
      must: 'must' as const,
      expected: '2xx',
      seen: '200',
      where: '',
      tookMs: 1,
    };
    let end = () => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const fakes: Fakes = {
      check: async (call) => {
        if (call.at.step !== 'verify') return { phase: call.at.step, results: [] };
        await held;
        return { phase: 'verify', results: names.map((name) => ({ name, ...result })) };
      },
    };
    await withBench({ fakes, outline: { checks: { preflight: [], verify: names } } }, async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const shown = async () =>
        (await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;
      const missing = (text: string) => names.filter((name) => !text.includes(name));
      await until(handle, ({ checking }) => checking !== undefined);
      expect(missing(await shown())).toEqual([]);
      expect(await shown()).toContain('●');
      end();
      expect(await ending(handle)).toMatchObject({ outcome: 'deployed' });
      expect(missing(await shown())).toEqual([]);
      expect((await handle.describe()).historyLength).toBeLessThanOrEqual(110);
    });
  });

  it('ends unchanged when the backup fails, and lets its sibling end first', async () => {
    let fetched = false;
    const fakes = {
      backup: failing('backup'),
      fetch: async () => {
        await new Promise((wake) => setTimeout(wake, 100));
        fetched = true;
        return {};
      },
    };
    await withBench({ fakes }, async ({ start, log }) => {
      expect(await ending(await start('deploy', { version: '2.0.0' }))).toMatchObject({
        outcome: 'failed-unchanged',
        failed: true,
      });
      expect(fetched).toBe(true);
      expect(log).not.toContain('stop');
    });
  });

  it('undoes in reverse, verifies the version before, and lets its users in again', async () => {
    await withBench({ fakes: { start: failing('start') } }, async ({ start, log }) => {
      const report = await ending(await start('deploy', { version: '2.0.0' }));
      expect(report).toMatchObject({ outcome: 'rolled-back', failed: true, reason: 'start: start broke' });
      expect(log.slice(log.indexOf('start') + 1)).toEqual([
        'undo start stop',
        'undo migrate choose',
        'undo migrate putBack',
        'undo switch',
        'undo stop start',
        'verify',
        'reopen',
        'record',
      ]);
    });
  });

  it('switches to no older code while the data is not put back, and stays stopped when people say so', async () => {
    const broken = async () => {
      throw fail('DataRefused', 'another database');
    };
    await withBench({ fakes: { start: failing('start'), putBack: broken } }, async ({ start, log, environment }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const status = await until(handle, ({ questions }) => questions.length > 0);
      expect(status).toMatchObject({
        state: 'waiting',
        environment,
        questions: [{ name: 'migrate', answers: ['retry', 'skip', 'stop'], text: 'another database' }],
      });
      await handle.signal('answer', { to: 'migrate', answer: 'stop', by: 'ann', plan: status.questions[0]?.plan });
      expect(await ending(handle)).toMatchObject({ outcome: 'stopped' });
      expect(log).not.toContain('undo switch');
      expect(log).not.toContain('undo stop start');
    });
  });

  it('tries a failed undo again when a person says so', async () => {
    let tries = 0;
    const putBack = async () => {
      tries += 1;
      if (tries === 1) throw fail('Unreachable', 'no database');
      return {};
    };
    await withBench({ fakes: { start: failing('start'), putBack } }, async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const { questions } = await until(handle, (status) => status.questions.length > 0);
      await handle.signal('answer', { to: 'migrate', answer: 'retry', by: 'ann', plan: questions[0]?.plan });
      expect(await ending(handle)).toMatchObject({ outcome: 'rolled-back' });
      expect(tries).toBe(2);
    });
  });

  it.each([
    ['retry', 'deployed'],
    ['rollback', 'rolled-back'],
    ['stop', 'stopped'],
  ])('asks after a failure where the policy is to ask: %s ends %s', async (answer, outcome) => {
    let broke = false;
    const migrate = async () => {
      if (!broke) {
        broke = true;
        throw fail('MigrationFailed', 'column exists');
      }
      return {};
    };
    await withBench({ outline: { on_failure: 'ask' }, fakes: { migrate } }, async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const { questions } = await until(handle, (status) => status.questions.length > 0);
      expect(questions[0]).toMatchObject({ name: 'migrate', is: 'failure', answers: ['retry', 'rollback', 'stop'] });
      await handle.signal('answer', { to: 'migrate', answer, by: 'ann', plan: questions[0]?.plan });
      expect((await ending(handle)).outcome).toBe(outcome);
    });
  });

  it('always asks after an unknown outcome, whatever the policy', async () => {
    const migrate = async () => {
      throw fail('OutcomeUnknown', 'nobody can tell');
    };
    await withBench({ fakes: { migrate } }, async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const { questions } = await until(handle, (status) => status.questions.length > 0);
      await handle.signal('answer', { to: 'migrate', answer: 'rollback', by: 'ann', plan: questions[0]?.plan });
      expect((await ending(handle)).outcome).toBe('rolled-back');
    });
  });

  it('is taken back by the rollback signal, and has then reached what was asked', async () => {
    await withBench({ outline: { gates: { 'sign-off': gate() } } }, async ({ start, log }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      await until(handle, ({ questions }) => questions[0]?.name === 'sign-off');
      await handle.signal('rollback', { by: 'ann', reason: 'customers see errors' });
      expect(await ending(handle)).toMatchObject({
        outcome: 'rolled-back',
        failed: false,
        reason: 'ann asked to take it back: customers see errors',
      });
      expect(log).toContain('undo open close');
    });
  });

  it('that is taken back at the gate, before its first change, was a no: nothing is undone, and nothing is called rolled back', async () => {
    await withBench({ outline: { gates: { go: gate() } } }, async ({ start, log }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      await until(handle, ({ questions }) => questions[0]?.name === 'go');
      await handle.signal('rollback', { by: 'ann', reason: 'not today' });
      const reason = 'ann asked to take it back: not today';
      expect(await ending(handle)).toMatchObject({ outcome: 'no-go', failed: true, reason });
      expect(log.filter((line) => line.startsWith('undo'))).toEqual([]);
    });
  });

  it('undoes and verifies when cancelled after its first change, and changes nothing when cancelled before', async () => {
    await withBench({ outline: { gates: { go: gate(), 'sign-off': gate() } } }, async ({ start, log }) => {
      const early = await start('deploy', { version: '2.0.0' });
      await until(early, ({ questions }) => questions[0]?.name === 'go');
      await early.cancel();
      expect(await ending(early)).toMatchObject({ outcome: 'failed-unchanged', reason: 'cancelled' });
      const late = await start('deploy', { version: '2.0.0' });
      const { questions } = await until(late, (status) => status.questions[0]?.name === 'go');
      await late.signal('approve', { gate: 'go', by: 'ann', plan: questions[0]?.plan });
      await until(late, (status) => status.questions[0]?.name === 'sign-off');
      await late.cancel();
      expect(await ending(late)).toMatchObject({ outcome: 'rolled-back', failed: true });
      expect(log).toContain('undo stop start');
    });
  });

  it('asks a person, whom no cancel answers, before data is lost', async () => {
    const choose = async () => costing(3);
    await withBench({ fakes: { start: failing('start'), choose } }, async ({ start, log }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const { questions } = await until(handle, (status) => status.questions.length > 0);
      expect(questions[0]).toMatchObject({
        name: 'rollback',
        is: 'gate',
        detail: ['put-back: the data of noon', 'main.public.orders: at least 3 changes would be lost'],
      });
      await handle.cancel();
      expect(log).not.toContain('undo migrate putBack');
      await handle.signal('approve', { gate: 'rollback', by: 'ann', plan: questions[0]?.plan });
      expect((await ending(handle)).outcome).toBe('rolled-back');
      expect(log).toContain('undo migrate putBack');
    });
  });

  it('says that nobody knows what would be lost, where nobody does', async () => {
    await withBench({ fakes: { start: failing('start'), choose: async () => costing(null) } }, async ({ start }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const { questions } = await until(handle, (status) => status.questions.length > 0);
      expect(questions[0]?.detail).toEqual(['put-back: the data of noon', 'changes that would be lost: unknown']);
    });
  });

  it('ends unverified when the version before fails its own checks and a person passes over them', async () => {
    const bad = {
      name: 'health',
      outcome: 'fail' as const,
      must: 'must' as const,
      expected: '200',
      seen: '503',
      where: 'x.yaml:3',
      tookMs: 1,
    };
    const check = async (call: Call) => ({ phase: call.at.step, results: call.at.step === 'verify' ? [bad] : [] });
    await withBench({ fakes: { check } }, async ({ start, log }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const { questions } = await until(handle, (status) => status.questions.length > 0);
      expect(questions[0]).toMatchObject({ name: 'verify', answers: ['retry', 'skip', 'stop'] });
      await handle.signal('answer', {
        to: 'verify',
        answer: 'skip',
        by: 'ann',
        note: 'known',
        plan: questions[0]?.plan,
      });
      expect((await ending(handle)).outcome).toBe('rolled-back-unverified');
      expect(log).toContain('reopen');
    });
  });

  it('ends unchanged at the fence before its first change, and stopped at one after it', async () => {
    const stop = async () => {
      throw fail('Fenced', 'held by run-0');
    };
    await withBench({ fakes: { stop } }, async ({ start, log }) => {
      const report = await ending(await start('deploy', { version: '2.0.0' }));
      expect(report).toMatchObject({ outcome: 'failed-unchanged', problem: 'Fenced' });
      expect(log.filter((one) => one.startsWith('undo'))).toEqual([]);
    });
    const migrate = async () => {
      throw fail('Fenced', 'held by run-0');
    };
    await withBench({ fakes: { migrate } }, async ({ start, log }) => {
      expect(await ending(await start('deploy', { version: '2.0.0' }))).toMatchObject({
        outcome: 'stopped',
        problem: 'Fenced',
      });
      expect(log.filter((one) => one.startsWith('undo'))).toEqual([]);
    });
  });

  it('ends a sibling that waits for an answer when people turn back', async () => {
    const broken = (name: string) => async () => {
      throw fail('CommandFailed', `${name} broke`);
    };
    await withBench(
      { outline: { on_failure: 'ask' }, fakes: { fetch: broken('fetch'), backup: broken('backup') } },
      async ({ start }) => {
        const handle = await start('deploy', { version: '2.0.0' });
        const { questions } = await until(handle, (status) => status.questions.length === 2);
        await handle.signal('answer', { to: 'fetch', answer: 'rollback', by: 'ann', plan: questions[0]?.plan });
        expect(await ending(handle)).toMatchObject({ outcome: 'failed-unchanged', reason: 'fetch: fetch broke' });
      },
    );
  });
});

describe('rollback', () => {
  it('asks again where more would be lost by then than people agreed to; what they said of less does not count', async () => {
    const fakes: Fakes = { choose: async (call) => costing(call.at.step === 'rollback' ? 3 : 4) };
    await withBench({ fakes }, async ({ start, log }) => {
      const handle = await start('rollback', { by: 'bob' });
      const asks = (changes: number) =>
        until(handle, ({ questions }) => questions[0]?.detail?.[1]?.includes(`at least ${changes} changes`) ?? false);
      const approve = (plan: string | undefined) => handle.signal('approve', { gate: 'rollback', by: 'ann', plan });
      const [first] = (await asks(3)).questions;
      await approve(first?.plan);
      const [second] = (await asks(4)).questions;
      await approve(first?.plan);
      await until(handle, ({ refusedCount }) => refusedCount === 1);
      expect(log).not.toContain('data putBack');
      await approve(second?.plan);
      expect(await ending(handle)).toMatchObject({ outcome: 'done', approvals: [{ by: 'ann' }, { by: 'ann' }] });
      expect(log).toContain('data putBack');
    });
  });
});
