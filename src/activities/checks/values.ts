import { fail } from '../../errors.js';
import type { CheckContext } from './contract.js';
import { fill } from './facts.js';

/** Where the words of a definition get their values from. */
export interface Scope extends Pick<CheckContext, 'env' | 'facts'> {
  /** What the steps of a flow have saved so far. */
  saved?: Record<string, unknown>;
}

/** Inside a longer text only `${name}` and upper case, so that `$1`, `$body` and a price stay what they are. */
const INSIDE = /\$(?:\{(\w+)\}|([A-Z_][A-Z0-9_]*))/g;
const WHOLE = /^\$([A-Za-z_]\w*)$/;

/** Fills facts, saved values and `$NAME`s into one text. `encode` is for what goes into a URL. Throws Usage. */
export function fillText(text: string, scope: Scope, encode: (value: string) => string = (value) => value): string {
  return mapReferences(
    text,
    (name) => variable(name, scope),
    (part) => fill(part, scope.facts, saved(scope, encode)),
  );
}

/** Fills every text inside a JSON value; a text that is one saved name alone keeps that value's type. */
export function fillValue(value: unknown, scope: Scope): unknown {
  if (typeof value === 'string') {
    const name = /^\{(\w+)\}$/.exec(value)?.[1];
    if (name && scope.saved && Object.hasOwn(scope.saved, name)) return scope.saved[name];
    return fillText(value, scope);
  }
  if (Array.isArray(value)) return value.map((item) => fillValue(item, scope));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillValue(item, scope)]));
}

/** As `fillText`, for an argument of a command, which everybody on the host can read: refuses secrets. Throws Usage. */
export function fillArgument(text: string, scope: Scope): string {
  const refuse = (name: string) => {
    if (!scope.env.isSecret(name)) return variable(name, scope);
    throw fail(
      'Usage',
      `$${name} is a secret and must not be an argument, which every user of the host can read: let the program read ${name} from its environment, it is there already`,
    );
  };
  return mapReferences(text, refuse, (part) => fill(part, scope.facts));
}

/** For people: facts filled; `$NAME`s and what a flow saves are left as names. */
export function named(text: string, scope: Scope): string {
  const names = Object.keys(scope.saved ?? {}).map((name) => [name, `{${name}}`]);
  const keep = Object.fromEntries(names) as Record<string, string>;
  return mapReferences(
    text,
    (_, whole) => whole,
    (part) => fill(part, scope.facts, keep),
  );
}

/** A variable of the env file. Throws Usage when it is not there. */
export function variable(name: string, { env }: Scope): string {
  const value = env.get(name)?.reveal();
  if (value !== undefined) return value;
  throw fail(
    'Usage',
    `$${name} is not in ${env.path ?? 'an env file, since the definition names none'}: add it there, or correct the name`,
  );
}

/** In one pass, so that what is filled in is never read again for names. */
function mapReferences(
  text: string,
  refer: (name: string, whole: string) => string,
  rest: (part: string) => string,
): string {
  const alone = WHOLE.exec(text)?.[1];
  if (alone) return refer(alone, text);
  let result = '';
  let end = 0;
  for (const match of text.matchAll(INSIDE)) {
    result += rest(text.slice(end, match.index)) + refer(match[1] ?? match[2] ?? '', match[0]);
    end = match.index + match[0].length;
  }
  return result + rest(text.slice(end));
}

function saved(scope: Scope, encode: (value: string) => string): Record<string, string> {
  const texts = Object.entries(scope.saved ?? {}).map(([name, value]) => [name, encode(textOf(value))]);
  return Object.fromEntries(texts) as Record<string, string>;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
