import { CancellationScope } from '@temporalio/workflow';
import type { Release, StepResult } from '../model.js';
import { codeOf } from './plan-code.js';
import { effects } from './proxies.js';
import type { Saga } from './saga.js';

/** Mail, payments, sync, last of all. Where data was put back they stay stopped until a person answers; no cancel and no deadline does. */
export async function startEffects(saga: Saga, release: Release | null): Promise<StepResult> {
  return CancellationScope.nonCancellable(async () => {
    const held = await effects.hold(saga.run);
    if (held.asks) {
      const answer = await saga.inbox.ask({
        name: 'effects',
        is: 'check',
        text: 'Data was put back: what acts on the outside world stays stopped. Start it?',
        answers: ['start', 'leave'],
        roles: saga.outline.gates.rollback?.roles ?? [],
        plan: codeOf(held.hash),
        detail: [...held.lines, 'leave = it stays stopped until the next release, or until it is started by hand'],
      });
      if (answer?.word !== 'start')
        return { note: `left stopped by ${answer?.by}${answer?.note ? `: ${answer.note}` : ''}` };
    }
    return effects.start(saga.run, release);
  });
}
