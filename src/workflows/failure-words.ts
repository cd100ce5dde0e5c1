import { TimeoutFailure, workflowInfo } from '@temporalio/workflow';
import { rootMessage } from '../errors.js';
import { environmentOf } from './proxies.js';

/** What failed, in one line for people; a host without a worker is said to be that. */
export function failureWords(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const unserved = cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
  return unserved
    ? `no worker serves ${environmentOf(workflowInfo().workflowId)}: start \`slipway worker\` on its host`
    : rootMessage(error);
}
