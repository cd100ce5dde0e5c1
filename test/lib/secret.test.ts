import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Redactor, Secret } from '../../src/lib/secret.js';

const value = 'p/ä "w?x+y&z~1';
const secret = new Secret('PASSWORD', value);

describe('Secret', () => {
  it('is shown as [redacted] by every way of printing, and revealed only when asked', () => {
    const shown = [`${secret}`, JSON.stringify({ secret }), inspect({ secret }, { showHidden: true }), String(secret)];
    for (const text of shown) {
      expect(text).toContain('[redacted]');
      expect(text).not.toContain(value);
    }
    expect(Object.values(secret)).not.toContain(value);
    expect(secret.reveal()).toBe(value);
  });
});

describe('Redactor', () => {
  const redactor = new Redactor([secret]);

  it.each([
    ['raw', value],
    ['as base64', Buffer.from(value).toString('base64')],
    ['as base64url', Buffer.from(value).toString('base64url')],
    ['URL-encoded', encodeURIComponent(value)],
    ['URL-encoded in lower case', encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase())],
    ['as a form field', new URLSearchParams({ p: value }).toString().slice(2)],
    ['JSON-escaped', JSON.stringify(value).slice(1, -1)],
  ])('finds a secret %s', (_, form) => {
    expect(redactor.redact(`before ${form} after ${form}`)).toBe('before [redacted] after [redacted]');
  });

  it.each(['', 'a', 'ab', 'abc'])('finds a password in the base64 of a login, after %j', (user) => {
    const long = new Redactor([new Secret('P', 'correct-horse-battery')]);
    const login = Buffer.from(`${user}:correct-horse-battery`).toString('base64');
    const left = long.redact(`Basic ${login}`).replace('[redacted]', '').replace('Basic ', '');
    expect(left.length).toBeLessThanOrEqual(10);
    expect(left).not.toBe(login);
  });

  it('removes the longer of two secrets that begin alike', () => {
    const both = new Redactor([new Secret('A', 'secret'), new Secret('B', 'secret-of-ours')]);
    expect(both.redact('secret-of-ours, secret')).toBe('[redacted], [redacted]');
  });

  it('does not search for values of fewer than six characters', () => {
    expect(new Redactor([new Secret('A', 'short'), new Secret('B', '')]).redact('a short text')).toBe('a short text');
  });

  it('finds each line of a key of several lines', () => {
    const key = new Redactor([new Secret('KEY', 'first-line\nsecond-line')]);
    expect(key.redact('only second-line here')).toBe('only [redacted] here');
  });

  it('redacts strings and keys at any depth of a JSON value, and leaves the rest as it is', () => {
    const seen = redactor.redactDeep({ a: [value, 1, null], [value]: { b: `x${value}` }, c: true, s: secret });
    expect(seen).toEqual({ a: ['[redacted]', 1, null], '[redacted]': { b: 'x[redacted]' }, c: true, s: '[redacted]' });
  });
});
