import type { Scope } from './values.js';

const LONGEST = 500;
const HIDDEN = '[redacted]';
const SECRET_KEY =
  /pass(word|wd|phrase)?$|secret|token|jwt|authori[sz]ation|cookie|session|csrf|api_?key|private_?key|credential|otp|mfa/i;
const TOKEN = /\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?|\b(?:Bearer|Basic)\s+[\w+/=.~-]{8,}/g;
const CREDENTIALS = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*):[^\s/@]+@/gi;

/** Makes what a check says fit to be kept: one line, no secret, no control characters, at most 500 characters. */
export function oneLine(text: string, scope: Scope): string {
  const line = hide(text, scope)
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ')
    .trim();
  return cut(line, LONGEST);
}

/** Whether what is called so is a secret, as its name tells. */
export function isSecretKey(name: string): boolean {
  return SECRET_KEY.test(name);
}

/** A value as JSON, short, without secrets and without what its key calls one. `path` is where it was found. */
export function showValue(value: unknown, scope: Scope, path = ''): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string' && isSecretKey(lastOf(path))) return `${HIDDEN} (${value.length} characters)`;
  const shown = JSON.stringify(value, (key, item: unknown) => {
    if (typeof item !== 'string') return item;
    return isSecretKey(key) ? HIDDEN : hide(item, scope);
  });
  return cut(shown, 120);
}

/** The beginning of a text, in quotes. */
export function showText(text: string, scope: Scope): string {
  return JSON.stringify(cut(hide(text.slice(0, 4000), scope).replace(/\s+/g, ' ').trim(), 160));
}

/** Always before shortening: half a secret is one, too, and no longer found. */
function hide(text: string, scope: Scope): string {
  let clean = scope.env.redactor.redact(text);
  for (const value of Object.values(scope.saved ?? {})) {
    if (typeof value === 'string' && value.length >= 6) clean = clean.replaceAll(value, HIDDEN);
  }
  return clean.replace(TOKEN, HIDDEN).replace(CREDENTIALS, `$1:${HIDDEN}@`);
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

/** `1.9 s`, `850 ms`, `3 min`. */
export function showMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1000).toFixed(1))} s`;
  if (ms < 7_200_000) return `${Number((ms / 60_000).toFixed(1))} min`;
  return ms < 172_800_000 ? `${Number((ms / 3_600_000).toFixed(1))} h` : `${Number((ms / 86_400_000).toFixed(1))} days`;
}

export function showBytes(bytes: number): string {
  const unit = bytes < 1024 ? 0 : bytes < 1024 ** 2 ? 1 : bytes < 1024 ** 3 ? 2 : 3;
  return `${Number((bytes / 1024 ** unit).toFixed(1))} ${['bytes', 'KiB', 'MiB', 'GiB'][unit]}`;
}

function lastOf(path: string): string {
  return path.split('.').at(-1) ?? '';
}
