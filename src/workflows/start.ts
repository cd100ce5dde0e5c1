import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { Kind } from '../model.js';
import { isBeside } from '../beside.js';

/** Start options under which a release could end without its undo. */
export function refuseStart(kind: Kind): void {
  const info = workflowInfo();
  const wrong = !isIdOf(kind, info.workflowId)
    ? `its workflow id has to be system/environment${isBeside(kind) ? `/${kind}` : ''}, not ${info.workflowId}`
    : info.executionTimeoutMs || info.runTimeoutMs
      ? 'it was started with a timeout, which would end it without undo: leave --execution-timeout and --run-timeout away'
      : info.cronSchedule
        ? 'a release has no cron schedule'
        : info.attempt > 1 || info.retryPolicy
          ? 'it was started with a retry policy: a release is never started again by itself'
          : undefined;
  if (wrong) throw usage(wrong);
}

/** A Schedule appends `-2026-11-26T02:00:00Z` to the id. */
function isIdOf(kind: Kind, id: string): boolean {
  const [system, environment, third, ...more] = id.split('/');
  if (!system || !environment || more.length > 0) return false;
  return isBeside(kind) ? third === kind || Boolean(third?.startsWith(`${kind}-`)) : third === undefined;
}

const shapes: Record<Kind, { required: string[]; optional: string[]; example: string }> = {
  deploy: { required: ['version'], optional: ['change', 'by', 'reason'], example: '{"version":"1.12.0"}' },
  rollback: { required: [], optional: ['version', 'by', 'reason'], example: '{} or {"version":"1.11.0"}' },
  adopt: { required: [], optional: ['version', 'by', 'reason'], example: '{} or {"reason":"deployed by hand"}' },
  recover: { required: [], optional: ['by'], example: '{}' },
  backup: { required: [], optional: ['by', 'reason'], example: '{}' },
  rehearse: { required: [], optional: ['by', 'reason'], example: '{}' },
};

/** Inputs are typed by hand: checked here, since a TypeError would hold the lock for ever. */
export function checkInput(kind: Kind, input: unknown): Record<string, string> {
  const { required, optional, example } = shapes[kind];
  const expected = `${kind} takes one JSON object, e.g. --input '${example}'`;
  if (input === undefined && required.length === 0) return {};
  if (typeof input !== 'object' || input === null || Array.isArray(input) || 'slipwayUndecodable' in input)
    throw usage(expected);
  for (const [key, value] of Object.entries(input)) {
    if (![...required, ...optional].includes(key)) throw usage(`${kind} knows no ${key}; ${expected}`);
    if (typeof value !== 'string' || value === '') throw usage(`${key} has to be a text; ${expected}`);
  }
  const given = input as Record<string, string>;
  for (const key of required) if (!given[key]) throw usage(`${key} is missing; ${expected}`);
  if (given.change && !['none', 'compatible', 'breaking'].includes(given.change))
    throw usage(`change is none, compatible or breaking, not ${given.change}`);
  return given;
}

export function textOf(input: unknown, key: string): string {
  const value = typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[key] : undefined;
  return typeof value === 'string' ? value : '';
}

function usage(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'Usage');
}
