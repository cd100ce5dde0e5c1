import { ApplicationFailure, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { ChecksNow } from '../model.js';
import { checkLines, checksFailed, pendingLines } from './details.js';
import { askHost, environmentOf } from './proxies.js';

/** Runs checks against what runs now. It holds nothing, so its id is `system/environment/check-<anything>`. Failed where a check that must pass does not. */
export async function check(request?: { names?: unknown; again?: unknown; by?: unknown }): Promise<ChecksNow> {
  const names = namesOf(request);
  const environment = environmentOf(workflowInfo().workflowId);
  const asked = { environment, names, ...(request?.again === true ? { again: true } : {}) };
  const due = await askHost('checksDue', [asked], 'check: which');
  setCurrentDetails(pendingLines(due.names));
  const now = await askHost('checkNow', [asked], `check: ${due.names.length} of ${environment}`);
  setCurrentDetails(checkLines(now.results));
  const failed = checksFailed(now.results);
  if (failed) throw ApplicationFailure.nonRetryable(failed, 'CheckFailed', now);
  return now;
}

function namesOf(request: unknown): string[] {
  const expected = `check takes one JSON object, e.g. --input '{}' or '{"names":["health"]}'`;
  if (request === undefined) return [];
  if (typeof request !== 'object' || request === null || Array.isArray(request)) throw usage(expected);
  const unknown = Object.keys(request).find((key) => !['names', 'again', 'by'].includes(key));
  if (unknown) throw usage(`check knows no ${unknown}; ${expected}`);
  const { names = [] } = request as { names?: unknown };
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string')) throw usage(expected);
  return names as string[];
}

function usage(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'Usage');
}
