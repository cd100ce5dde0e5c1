import { describe, expect, it } from 'vitest';
import { fail } from '../../src/errors.js';
import type { Call, Held, Outline } from '../../src/model.js';
import { ending, gate, outline, until, withBench, type Fakes } from './harness.js';

const named: Outline['steps'] = [...outline().steps, { name: 'effects', is: 'step', title: 'mail', changes: true }];
const held: Held = { asks: true, lines: ['mail, only in what was replaced: {"id": 7}'], hash: 'held' };
const broken = async (call: Call) => {
  if (!call.at.undo) throw fail('CheckFailed', 'verify broke');
  return {};
};
const bench = (fakes: Fakes, changes: Partial<Outline> = {}) => ({ outline: { steps: named, ...changes }, fakes });
const asked = (name: string) => (status: { questions: { name: string }[] }) => status.questions[0]?.name === name;

describe('what acts on the outside world', () => {
  it('starts after users are in, and is the first thing that is taken back', async () => {
    await withBench(bench({}, { gates: { 'sign-off': gate() } }), async ({ start, log }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      await until(handle, asked('sign-off'));
      expect(log.slice(log.indexOf('open'))).toEqual(['open', 'effects holdEffects', 'effects startEffects']);
      await handle.signal('rollback', { by: 'ann', reason: 'customers see errors' });
      expect(await ending(handle)).toMatchObject({ outcome: 'rolled-back' });
      expect(log[log.indexOf('effects startEffects') + 1]).toBe('undo effects stopEffects');
      expect(log.slice(log.indexOf('reopen'))).toEqual([
        'reopen',
        'undo effects holdEffects',
        'undo effects startEffects',
        'record',
      ]);
    });
  });

  it('stays stopped after data was put back until a person, who sees what is lost, lets it start', async () => {
    await withBench(bench({ start: broken, holdEffects: async () => held }), async ({ start, log }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      const { questions } = await until(handle, asked('effects'));
      expect(questions[0]).toMatchObject({
        answers: ['start', 'leave'],
        detail: [...held.lines, expect.stringContaining('leave = it stays stopped') as string],
      });
      await handle.signal('answer', { to: 'effects', answer: 'start', by: 'ann', plan: '0000000' });
      await until(handle, (status) => status.refusedCount === 1);
      expect(log.at(-1)).toBe('undo effects holdEffects');
      await handle.signal('answer', { to: 'effects', answer: 'start', by: 'ann', plan: questions[0]?.plan });
      expect(await ending(handle)).toMatchObject({ outcome: 'rolled-back' });
      expect(log.slice(-2)).toEqual(['undo effects startEffects', 'record']);
    });
  });

  it('is left stopped by that answer, which no cancel gives', async () => {
    await withBench(bench({ holdEffects: async () => held }), async ({ start, log }) => {
      const handle = await start('rollback');
      const { questions } = await until(handle, asked('effects'));
      await handle.cancel();
      await handle.signal('answer', {
        to: 'effects',
        answer: 'leave',
        by: 'ann',
        plan: questions[0]?.plan,
        note: 'sent',
      });
      const report = await ending(handle);
      expect(report).toMatchObject({ outcome: 'done', failed: false });
      expect(log.slice(-2)).toEqual(['effects holdEffects', 'record']);
    });
  });

  it('keeps everything else as it is while it cannot be stopped', async () => {
    const fakes = {
      stopEffects: async () => Promise.reject(fail('NotStopped', 'mail still runs')),
    };
    await withBench(bench(fakes, { gates: { 'sign-off': gate() } }), async ({ start, log }) => {
      const handle = await start('deploy', { version: '2.0.0' });
      await until(handle, asked('sign-off'));
      await handle.signal('rollback', { by: 'ann', reason: 'customers see errors' });
      const { questions } = await until(handle, asked('effects'));
      await handle.signal('answer', { to: 'effects', answer: 'stop', by: 'ann', plan: questions[0]?.plan });
      expect(await ending(handle)).toMatchObject({ outcome: 'stopped' });
      expect(log).not.toContain('undo migrate putBack');
    });
  });
});
