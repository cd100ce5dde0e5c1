import type { BesideInput, Report } from '../model.js';
import { data } from './proxies.js';
import { runSaga } from './run-saga.js';

/** A proven backup, on demand or by a Schedule, beside whatever else runs. Nothing live is changed, and no release waits for it. */
export function backup(input: BesideInput): Promise<Report> {
  return runSaga('backup', input, async ({ run, step }) => {
    await step('backup', () => data.backup(run));
  });
}
