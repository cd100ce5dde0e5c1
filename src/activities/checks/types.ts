import { fail } from '../../errors.js';

const SEMVER = /^v?(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;
const tests: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  array: (value) => Array.isArray(value),
  object: (value) => typeOf(value) === 'object',
  null: (value) => value === null,
  date: (value) =>
    typeof value === 'string' && /^\d{4}-\d{2}-\d{2}(?:[T ]|$)/.test(value) && !Number.isNaN(Date.parse(value)),
  semver: (value) => typeof value === 'string' && SEMVER.test(value),
  url: (value) => typeof value === 'string' && /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]/i.test(value) && URL.canParse(value),
};

/** Whether a value is of the type that a matcher names. Throws Usage for an unknown type. */
export function isOfType(type: unknown, value: unknown): boolean {
  const test = Object.hasOwn(tests, String(type)) ? tests[String(type)] : undefined;
  if (test) return test(value);
  throw fail('Usage', `${JSON.stringify(type)} is no type: write one of ${Object.keys(tests).join(', ')}`);
}

/** A value's own type, for messages. */
export function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}
