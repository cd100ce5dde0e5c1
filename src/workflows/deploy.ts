import type { DeployInput, Report } from '../model.js';
import { data, effects, migrations, runtime, source } from './proxies.js';
import { putBack } from './rollback.js';
import { runSaga } from './run-saga.js';
import { startEffects } from './start-effects.js';

/** Brings one version into one environment, or puts everything back as it was. */
export function deploy(input: DeployInput): Promise<Report> {
  return runSaga('deploy', input, async (saga) => {
    const { run, step, both, check, gate, window, watch } = saga;

    await check('preflight');                         // every check runs and is shown; one failure is NO-GO
    await gate('go');
    await window();                                   // a durable timer, until maintenance may begin

    await both(                                       // the old version still serves: no downtime so far
      step('fetch',  () => source.fetch(run)),        // verified, built or pulled, known by SHA and digest
      step('backup', () => data.backup(run)),         // proven: restored into scratch and compared
    );
    await step('rehearse', () => migrations.rehearse(run));

    await step('stop',    () => runtime.stop(run),                () => runtime.start(run, run.previous));   // effects first
    await step('standby', () => data.standby(run));               // is kept, so there is nothing to undo
    await step('switch',  () => source.switch(run, run.version),  () => source.switch(run, run.previous));
    await step('migrate', () => migrations.upgrade(run),          () => putBack(saga));
    await step('start',   () => runtime.start(run, run.version),  () => runtime.stop(run));   // closed, where it can be

    await check('verify');
    await step('open',    () => runtime.open(run),                () => runtime.close(run));  // from here on users write
    await step('effects', () => startEffects(saga, run.version),  () => effects.stop(run));   // mail, payments, sync: last
    await watch();
    await gate('sign-off');
  });
}
