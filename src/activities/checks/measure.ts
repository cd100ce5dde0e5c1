import { parseDuration } from '../../definition/durations.js';
import { fail } from '../../errors.js';

/** What a value counts; only what counts milliseconds is compared with `24h`. */
export type Unit = 'number' | 'duration' | 'bytes';

/** The bound of `over` and `under`, in the unit of what it bounds. Throws Usage. */
export function measure(bound: unknown, unit: Unit): number {
  if (typeof bound === 'number' && Number.isFinite(bound)) return bound;
  const ms = typeof bound === 'string' ? parseDuration(bound) : undefined;
  if (ms !== undefined && unit === 'duration') return ms;
  if (ms !== undefined) {
    throw fail(
      'Usage',
      `${String(bound)} is a duration, but what it is compared with counts ${unit === 'bytes' ? 'bytes' : 'no time'}: write a plain number`,
    );
  }
  throw fail(
    'Usage',
    `${JSON.stringify(bound)} is no bound: write a number, or for a time a duration such as 90s, 15m, 24h or 7d`,
  );
}
