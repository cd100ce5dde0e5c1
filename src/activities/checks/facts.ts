import { fail } from '../../errors.js';
import type { Facts } from './contract.js';

/** What each fact may look like: nothing here can end a quoted SQL text, become a second argument or an option. */
const allowed: Record<keyof Facts, RegExp> = {
  version: /^[0-9A-Za-z][0-9A-Za-z._+/-]{0,127}$/,
  sha: /^[0-9a-f]{7,64}$/,
  url: /^https?:\/\/[^\s'"`<>\\{}|^$;]+$/,
  domain: /^(?:[0-9A-Za-z][0-9A-Za-z.-]*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/,
  date: /^\d{4}-\d{2}-\d{2}$/,
  timestamp: /^\d{4}[0-9TZ:.-]{4,26}$/,
  run: /^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$/,
};

/** `{word}`; `{{.Id}}`, `{3}` and the braces of JSON are none. */
const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Fills `{version}` and the other facts, and `more` (in a flow: what it saved). The result stays one argument.
 * Throws Usage for a name that nobody knows and for a value that its pattern does not allow.
 */
export function fill(text: string, facts: Facts, more: Record<string, string> = {}): string {
  return text.replace(PLACEHOLDER, (_, name: string) => {
    if (Object.hasOwn(more, name)) return more[name] ?? '';
    if (isFact(name)) return factOf(name, facts);
    const known = [...Object.keys(allowed), ...Object.keys(more)].join(', ');
    throw fail('Usage', `{${name}} stands for nothing here: correct it to one of ${known}`);
  });
}

/** As `fill`, for a regular expression: a fact stands for itself, and other braces are the pattern's own. */
export function fillPattern(pattern: string, facts: Facts): string {
  return pattern.replace(PLACEHOLDER, (whole, name: string) =>
    isFact(name) ? factOf(name, facts).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&') : whole,
  );
}

function isFact(name: string): name is keyof Facts {
  return Object.hasOwn(allowed, name);
}

function factOf(name: keyof Facts, facts: Facts): string {
  const value = facts[name];
  if (allowed[name].test(value)) return value;
  throw fail('Usage', `{${name}} is ${JSON.stringify(value.slice(0, 80))}, which no ${name} may look like`);
}
