import { z } from 'zod';
import { durationPattern } from './durations.js';

/** A map with these keys and no others. The message of an unknown key lists the known ones, for `explain`. */
export function object<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape).join(' ');
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? known : undefined) });
}

/** Text of one form; `expected` says which, in messages and in hover text alike. */
export function text(expected: string, pattern: RegExp) {
  return z.string({ error: expected }).regex(pattern, { error: expected });
}

/** Something that is not empty. */
export const filled = () => z.string().min(1, { error: 'text' });
export const list = <T extends z.ZodType>(item: T) => z.array(item).min(1, { error: 'at least one' });
/** Maps of named things: the names are paths in errors and in the CLI. */
export const named = <T extends z.ZodType>(item: T) => z.record(name(), item);

export const name = () => text('a name of small letters, digits and hyphens', /^[a-z0-9][a-z0-9_-]*$/);
export const duration = () => text('a duration such as 90s, 15m, 2h or 7d', durationPattern);
export const argv = () =>
  z
    .array(z.string(), { error: 'a list of arguments, program first' })
    .min(1, { error: 'a list of arguments, program first' });
export const port = () => z.int({ error: 'a port' }).min(1, { error: 'a port' }).max(65_535, { error: 'a port' });
export const variable = () => text('the name of a variable', /^[A-Za-z_][A-Za-z0-9_]*$/);
/** A variable of env_file, or a value that holds no secret. */
export const reference = () => filled();
/** What must never stand in a definition. */
export const secret = () => text('a variable of env_file such as $NAME', /^\$[A-Za-z_][A-Za-z0-9_]*$/);
export const webUrl = () => text('a URL such as https://shop.example.com', /^https?:\/\/[^\s/]+(\/\S*)?$/);
export const service = () => text('the name of a service', /^[A-Za-z0-9][A-Za-z0-9._-]*$/);
export const variables = () => z.record(variable(), z.string({ error: 'text (put it between quotes)' }));
