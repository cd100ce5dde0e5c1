import { inspect } from 'node:util';

const redacted = '[redacted]';

/** Shorter values are not searched for: they would blank out ordinary words. */
const shortestSearched = 6;

/** A value that every way of printing shows as `[redacted]`; only `reveal()` gives it, where it is used. */
export class Secret {
  readonly name: string;
  readonly #value: string;

  constructor(name: string, value: string) {
    this.name = name;
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}

/** Removes secrets from output, in each form in which programs print them. */
export class Redactor {
  readonly #pattern: RegExp | undefined;
  /** Characters of the longest form: how far before a cut a secret may begin. */
  readonly longest: number;

  constructor(secrets: Iterable<Secret>) {
    const forms = new Set<string>();
    for (const secret of secrets) for (const form of formsOf(secret.reveal())) forms.add(form);
    // Longest first, so that a password inside a secret URL does not leave the rest of the URL standing.
    const sorted = [...forms].sort((a, b) => b.length - a.length);
    this.longest = sorted[0]?.length ?? 0;
    this.#pattern = sorted.length > 0 ? new RegExp(sorted.map(escapePattern).join('|'), 'g') : undefined;
  }

  redact(text: string): string {
    return this.#pattern ? text.replace(this.#pattern, redacted) : text;
  }

  /** A copy of a JSON value with every string and every key redacted. */
  redactDeep<T>(value: T): T {
    return this.#redactAny(value) as T;
  }

  #redactAny(value: unknown): unknown {
    if (typeof value === 'string') return this.redact(value);
    if (Array.isArray(value)) return value.map((item) => this.#redactAny(item));
    if (value === null || typeof value !== 'object') return value;
    if (value instanceof Secret || value instanceof Date) return this.#redactAny(value.toJSON());
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.redact(key), this.#redactAny(item)]));
  }
}

function formsOf(value: string): string[] {
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  // Logs are redacted line by line: a key of several lines is as many secrets.
  const texts = lines.length > 1 ? [value, ...lines] : [value];
  return texts.filter((text) => text.length >= shortestSearched).flatMap(encodingsOf);
}

function encodingsOf(value: string): string[] {
  const percent = encodeURIComponent(Buffer.from(value).toString());
  const forms = [
    value,
    JSON.stringify(value).slice(1, -1),
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    new URLSearchParams([['', value]]).toString().slice(1),
    Buffer.from(value).toString('base64'),
    Buffer.from(value).toString('base64url'),
    ...[0, 1, 2].flatMap((offset) => base64Inside(value, offset)),
  ];
  return forms.filter((form) => form.length >= shortestSearched);
}

/** What stays the same of the value's base64 inside a longer text, as in `Basic base64(user:password)`. */
function base64Inside(value: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]);
  const stable = (encoding: 'base64' | 'base64url'): string =>
    bytes.toString(encoding).slice(Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6));
  return [stable('base64'), stable('base64url')];
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
