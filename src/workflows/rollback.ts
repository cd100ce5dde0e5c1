import type { Report, RollbackStart, StepResult } from '../model.js';
import { data, effects, runtime, source } from './proxies.js';
import { runSaga } from './run-saga.js';
import type { Saga } from './saga.js';
import { startEffects } from './start-effects.js';

/** Takes an environment back to an earlier release: its code, and its data as far as the revisions demand. */
export function rollback(input: RollbackStart): Promise<Report> {
  return runSaga('rollback', input, async (saga) => {
    const { run, step, both, check, gate } = saga;    // run.version: where we go; run.previous: what we leave

    await check('preflight');                         // that version's code, images and backup are whole
    await gate('rollback', () => data.choose(run));   // what becomes of the data, and the rows it would cost

    await both(
      step('fetch',  () => source.fetch(run)),        // both versions: where we go, and what knows the newer revisions
      step('backup', () => data.backup(run)),         // what we leave is kept, too
    );

    await step('stop',    () => runtime.stop(run),                () => runtime.start(run, run.previous));
    await step('standby', () => data.standby(run));
    await step('data',    () => putBack(saga),                    () => data.swapIn(run));
    await step('switch',  () => source.switch(run, run.version),  () => source.switch(run, run.previous));
    await step('start',   () => runtime.start(run, run.version),  () => runtime.stop(run));

    await check('verify');
    await step('open',    () => runtime.open(run),                () => runtime.close(run));
    await step('effects', () => startEffects(saga, run.version),  () => effects.stop(run));
  });
}

/** Keeps, undoes or restores the data: chosen from revisions, never guessed; people agree to every lost row. */
export async function putBack(saga: Saga): Promise<StepResult> {
  const choice = await data.choose(saga.run);         // again, now that nothing writes any more
  if (choice.asks && choice.hash !== saga.agreed) await saga.gate('rollback', async () => choice);
  return data.putBack(saga.run, choice);
}
