import { unasked } from './context.js';
import type { CheckResult } from '../model.js';

/** Waiting in a queue makes an activity look as a clock that is ahead does. */
const MOST_AHEAD_MS = 60_000;
const MOST_BEHIND_MS = 2_000;

/** Gates, windows and deadlines go by Temporal's clock, evidence and the age of backups by this host's. */
export function checkClock(scheduledMs: number, nowMs: number): CheckResult {
  const aheadMs = nowMs - scheduledMs;
  const same = aheadMs > -MOST_BEHIND_MS && aheadMs < MOST_AHEAD_MS;
  const seen =
    aheadMs < 0
      ? `this host is at least ${seconds(-aheadMs)} behind`
      : `this host is ${seconds(aheadMs)} ahead, or began so late`;
  const expected = "this host's clock is Temporal's, within a minute";
  return { ...unasked('clock', same, expected, same ? 'it is' : seen), must: 'warn' };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
