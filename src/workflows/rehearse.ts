import type { BesideInput, Report } from '../model.js';
import { data } from './proxies.js';
import { runSaga } from './run-saga.js';

/** The latest backup, restored into scratch and looked at: whether it would serve, and how long a real restore would take. */
export function rehearse(input: BesideInput): Promise<Report> {
  return runSaga('rehearse', input, async ({ run, step }) => {
    await step('rehearse', () => data.rehearseRestore(run));
  });
}
