import type { AdoptInput, Report } from '../model.js';
import { data } from './proxies.js';
import { runSaga } from './run-saga.js';

/** Notes a system that runs already, with a proven backup, as the history's head. Nothing is changed. */
export function adopt(input: AdoptInput): Promise<Report> {
  return runSaga('adopt', input, async ({ run, check, step }) => {
    await check('preflight');
    await step('backup', () => data.backup(run));
  });
}
