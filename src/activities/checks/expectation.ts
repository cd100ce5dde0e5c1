import { isDeepStrictEqual } from 'node:util';
import { parseDuration } from '../../definition/durations.js';
import { fail } from '../../errors.js';
import { fillPattern } from './facts.js';
import { measure } from './measure.js';
import { isMatcher, listOf } from './matcher.js';
import type { Manner } from './matcher.js';
import { matches } from './pattern.js';
import { showBytes, showMs, showValue } from './shown.js';
import { isOfType, typeOf } from './types.js';
import { fillValue } from './values.js';

const PLACEHOLDER =
  /change[-_ ]?(?:me|this|it)|placeholder|example|your[-_ ]|replace[-_ ]?(?:me|this)|dummy|insert[-_ ]|todo|fixme|^(?:x{3,}|<.*>|\*+|secret|password|none|null|undefined|test)$/i;

/**
 * Undefined when the value is as expected, else what it is instead: `is "stale"`. A value that is not there is `undefined`.
 * Throws Usage for an expectation that no value can meet.
 */
export function mismatch(expected: unknown, value: unknown, manner: Manner): string | undefined {
  if (!isMatcher(expected)) return isSame(expected, value, manner) ? undefined : `is ${show(value, manner)}`;
  refuseImpossible(expected, manner);
  for (const [word, bound] of Object.entries(expected)) {
    const problem = mismatchOf(word, bound, value, manner);
    if (problem) return problem;
  }
  return undefined;
}

function mismatchOf(word: string, bound: unknown, value: unknown, manner: Manner): string | undefined {
  const is = `is ${show(value, manner)}`;
  const unless = (ok: boolean, said = is) => (ok ? undefined : said);
  switch (word) {
    case 'present':
      return unless((value !== undefined) === bound, bound ? 'is not there' : is);
    case 'one_of':
      return unless(listOf(bound).some((item) => isSame(item, value, manner)));
    case 'not':
      return unless(value !== undefined && mismatch(bound, value, manner) !== undefined);
    case 'type':
      return unless(
        isOfType(bound, value),
        value === undefined || manner.secret ? is : `${is}, of type ${typeOf(value)}`,
      );
    case 'matches':
      if (typeof value !== 'string' && typeof value !== 'number') return is;
      return unless(matches(fillPattern(String(bound), manner.scope.facts), String(value), manner.multiline));
    case 'longer':
      return unless(
        lengthOf(value) > measure(bound, 'number'),
        lengthOf(value) < 0 ? is : `has length ${lengthOf(value)}`,
      );
    case 'not_placeholder':
      return unless(
        bound === false || (typeof value === 'string' && !PLACEHOLDER.test(value)),
        value ? 'is a placeholder' : is,
      );
    default:
      return compare(word, bound, value, manner);
  }
}

/** A date against a duration is its age: `last_success_at: { under: 1h }`. */
function compare(word: string, bound: unknown, value: unknown, manner: Manner): string | undefined {
  const isAge = typeof bound === 'string' && parseDuration(bound) !== undefined && isOfType('date', value);
  const [number, unit] = isAge
    ? [Date.now() - Date.parse(value as string), 'duration' as const]
    : [value, manner.unit ?? 'number'];
  const limit = measure(bound, unit);
  if (typeof number !== 'number' || Number.isNaN(number)) return `is ${show(value, manner)}, which is no number`;
  if (word === 'over' ? number > limit : number < limit) return undefined;
  return isAge ? `is ${showMs(number)} old` : `is ${show(value, manner)}`;
}

function isSame(expected: unknown, value: unknown, manner: Manner): boolean {
  const wanted = fillValue(expected, manner.scope);
  if (manner.literal === 'part') return typeof value === 'string' && value.includes(String(wanted));
  if (manner.literal === 'text') return typeof value === 'string' && value === String(wanted);
  return isDeepStrictEqual(wanted, value);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : -1;
}

function refuseImpossible({ over, under }: Record<string, unknown>, manner: Manner): void {
  if (over === undefined || under === undefined) return;
  const unit = [over, under].some((bound) => typeof bound === 'string') ? 'duration' : (manner.unit ?? 'number');
  if (measure(over, unit) < measure(under, unit)) return;
  throw fail('Usage', `nothing is over ${JSON.stringify(over)} and under ${JSON.stringify(under)}: correct the bounds`);
}

function show(value: unknown, { secret, unit, scope, path }: Manner): string {
  if (value === undefined) return 'not there';
  if (secret) return typeof value === 'string' ? `set, ${value.length} characters, but not as expected` : 'set';
  if (typeof value === 'number' && unit === 'duration') return showMs(value);
  if (typeof value === 'number' && unit === 'bytes') return showBytes(value);
  return showValue(value, scope, path);
}
