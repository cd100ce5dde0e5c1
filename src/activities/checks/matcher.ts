import { fail } from '../../errors.js';
import { fillPattern } from './facts.js';
import type { Unit } from './measure.js';
import { named } from './values.js';
import type { Scope } from './values.js';

/** How a value is to be looked at. */
export interface Manner {
  scope: Scope;
  /** A literal has to be the value; be part of it (bodies, outputs); or be equal as text (variables). @default 'is' */
  literal?: 'is' | 'part' | 'text';
  /** What the value counts. @default 'number' */
  unit?: Unit;
  /** `^` and `$` stand for the ends of each line. */
  multiline?: boolean;
  /** Show the value's length alone. */
  secret?: boolean;
  /** Where the value stands, for keys that are called like a secret. */
  path?: string;
}

/** More than one word in a matcher have all to be true. */
const words = ['matches', 'type', 'over', 'under', 'longer', 'present', 'one_of', 'not', 'not_placeholder'];

/** What is expected, in words; `$NAME`s stay names. */
export function describe(expected: unknown, manner: Manner): string {
  if (isMatcher(expected))
    return Object.entries(expected)
      .map(([word, bound]) => describeWord(word, bound, manner))
      .join(' and ');
  const shown = typeof expected === 'string' ? JSON.stringify(named(expected, manner.scope)) : JSON.stringify(expected);
  return manner.literal === 'part' ? `contains ${shown}` : `is ${shown}`;
}

/** Whether it is satisfied by a value that is not there. */
export function expectsAbsence(expected: unknown): boolean {
  return isMatcher(expected) && expected.present === false;
}

/** A map is a matcher, anything else a literal. Throws Usage for a map with another word. */
export function isMatcher(expected: unknown): expected is Record<string, unknown> {
  if (typeof expected !== 'object' || expected === null || Array.isArray(expected)) return false;
  const unknown = Object.keys(expected).find((key) => !words.includes(key));
  if (unknown !== undefined) throw fail('Usage', `${unknown} is no word of a matcher: there are ${words.join(', ')}`);
  return true;
}

/** The values of `one_of`. Throws Usage. */
export function listOf(bound: unknown): unknown[] {
  if (Array.isArray(bound) && bound.length > 0) return bound;
  throw fail('Usage', 'one_of needs a list with at least one value, for example one_of: [ok, ready]');
}

function describeWord(word: string, bound: unknown, manner: Manner): string {
  if (word === 'present') return bound ? 'is there' : 'is not there';
  if (word === 'not') return `not: ${describe(bound, manner)}`;
  if (word === 'type') return `is of type ${String(bound)}`;
  if (word === 'matches') return `matches /${fillPattern(String(bound), manner.scope.facts)}/`;
  if (word === 'longer') return `is longer than ${String(bound)}`;
  if (word === 'not_placeholder') return bound ? 'is no placeholder' : 'may be a placeholder';
  if (word === 'one_of')
    return `is one of ${listOf(bound)
      .map((item) => (typeof item === 'string' ? named(item, manner.scope) : JSON.stringify(item)))
      .join(', ')}`;
  return `is ${word} ${String(bound)}`;
}
