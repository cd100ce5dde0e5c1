import { describe, expect, it } from 'vitest';
import { mismatch } from '../../../src/activities/checks/expectation.js';
import { readPath } from '../../../src/activities/checks/json-path.js';
import { describe as inWords } from '../../../src/activities/checks/matcher.js';
import { isInRange } from '../../../src/activities/checks/version-range.js';
import { contextWith } from './support.js';

const hourAgo = () => new Date(Date.now() - 3_600_000).toISOString();

describe('a matcher', () => {
  it.each([
    ['ok', 'ok'],
    ['{version}', '1.4.2'],
    [null, null],
    [{ matches: '^v?{version}' }, 'v1.4.2-rc'],
    [{ type: 'date' }, '2026-11-21T10:00:00Z'],
    [{ type: 'integer' }, 3],
    [{ type: 'semver' }, '1.4.2-rc.1'],
    [{ type: 'url' }, 'postgresql://db/shop'],
    [{ type: 'array', longer: 0 }, [1]],
    [{ over: 0, under: 10 }, 5],
    [{ under: '2h' }, hourAgo()],
    [{ longer: 3 }, 'four'],
    [{ present: true }, null],
    [{ present: false }, undefined],
    [{ one_of: ['ok', 'ready'] }, 'ready'],
    [{ not: 'dev-auth-secret' }, 'another'],
    [{ not: { matches: '^dev' } }, 'prod'],
    [{ not_placeholder: true }, 'q8Zt-3kP0-long-random'],
  ])('%j is satisfied by %j', (expected, value) => {
    expect(mismatch(expected, value, { scope: contextWith() })).toBeUndefined();
  });

  it.each([
    ['ok', 'stale', 'is "stale"'],
    [true, 'true', 'is "true"'],
    ['{version}', '1.4.1', 'is "1.4.1"'],
    [{ matches: '^1.4' }, 15.4, 'is 15.4'],
    [{ type: 'date' }, 'yesterday', 'is "yesterday", of type string'],
    [{ type: 'array' }, { items: [] }, 'is {"items":[]}, of type object'],
    [{ type: 'integer' }, '3', 'is "3", of type string'],
    [{ type: 'semver' }, '1.4', 'is "1.4", of type string'],
    [{ over: 0 }, 0, 'is 0'],
    [{ over: 0 }, '5', 'is "5", which is no number'],
    [{ under: 3 }, undefined, 'is not there, which is no number'],
    [{ under: '30m' }, hourAgo(), 'is 60 min old'],
    [{ longer: 0 }, [], 'has length 0'],
    [{ longer: 0 }, 7, 'is 7'],
    [{ present: true }, undefined, 'is not there'],
    [{ present: false }, 1, 'is 1'],
    [{ one_of: ['ok'] }, 'bad', 'is "bad"'],
    [{ not: 'dev' }, 'dev', 'is "dev"'],
    [{ not: 'dev' }, undefined, 'is not there'],
    [{ not_placeholder: true }, 'changeme', 'is a placeholder'],
    [{ over: 0, matches: '^7' }, 65, 'is 65'],
  ])('%j is not satisfied by %j', (expected, value, said) => {
    expect(mismatch(expected, value, { scope: contextWith() })).toBe(said);
  });

  it.each([
    [{ jsn: 1 }, /jsn is no word of a matcher: there are matches, type/],
    [{ type: 'strng' }, /"strng" is no type: write one of string, number/],
    [{ over: 5, under: 5 }, /nothing is over 5 and under 5/],
    [{ over: 'much' }, /"much" is no bound/],
    [{ under: '24h' }, /24h is a duration, but what it is compared with counts no time/],
    [{ one_of: [] }, /at least one value/],
    [{ matches: '(' }, /the pattern "\(" cannot be used: Invalid regular expression/],
    ['$NOWHERE', /\$NOWHERE is not in/],
  ])('refuses %j, which no value can meet', (expected, message) => {
    expect(() => mismatch(expected, 'x', { scope: contextWith() })).toThrow(message);
  });

  it('stops a pattern that backtracks for ever', () => {
    const start = performance.now();
    const text = `${'a'.repeat(60)}!`;
    expect(() => mismatch({ matches: '^(a+)+$' }, text, { scope: contextWith() })).toThrow(
      /still searching after 250 ms; remove nested repeats/,
    );
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it('compares a secret without showing it, in the expectation or in what it saw', () => {
    const scope = contextWith({ variables: { API_SECRET: 'correct-horse-battery' } });
    expect(mismatch('$API_SECRET', 'correct-horse-battery', { scope })).toBeUndefined();
    expect(mismatch({ one_of: ['a'] }, 'it is correct-horse-battery', { scope })).toBe('is "it is [redacted]"');
    expect(mismatch('x', { token: 'a1b2', list: [{ password: 'p' }] }, { scope })).toBe(
      'is {"token":"[redacted]","list":[{"password":"[redacted]"}]}',
    );
    expect(mismatch('x', 'a1b2c3', { scope, path: 'data.access_token' })).toBe('is [redacted] (6 characters)');
    expect(inWords('$API_SECRET', { scope })).toBe('is "$API_SECRET"');
  });
});

describe('a JSON path', () => {
  const answer = { metadata: { version: '1' }, items: [{ id: 7 }], 'a.b': 1, none: null };
  it.each([
    ['metadata.version', '1'],
    ['items.0.id', 7],
    ['items[0].id', 7],
    ['a.b', 1],
    ['$', answer],
    ['.', answer],
    ['$.none', null],
  ])('%s finds %j', (path, value) => {
    expect(readPath(answer, path)).toEqual({ found: true, value });
  });

  it.each([
    ['metadata.gitSha', 'nothing at metadata.gitSha; metadata has keys version'],
    ['meta.version', 'nothing at meta.version; the answer has keys metadata, items, a.b, none'],
    ['items.1.id', 'nothing at items.1.id; items is a list of 1'],
    ['none.x', 'nothing at none.x; none is null'],
    ['constructor', 'nothing at constructor; the answer has keys metadata, items, a.b, none'],
  ])('%s finds nothing and says what is there', (path, why) => {
    expect(readPath(answer, path)).toEqual({ found: false, why });
  });
});

describe('a version range', () => {
  it.each([
    ['1.4.2', '>=1.4.0 <2', true],
    ['v2.0.0', '>=1.4.0 <2', false],
    ['2.0.0-rc.1', '<2.0.0', true],
    ['1.10.0', '>1.9.9', true],
    ['1.4.2', '1.4.2', true],
    ['1.0.0-alpha.2', '>=1.0.0-alpha.10', false],
  ])('%s in %s: %s', (version, range, inside) => {
    expect(isInRange(version, range)).toBe(inside);
  });

  it('does not guess for a SHA or a range of another form', () => {
    expect(() => isInRange('0a1b2c3', '>=1')).toThrow(/no SemVer/);
    expect(() => isInRange('1234567', '>=1')).toThrow(/no SemVer/);
    expect(() => isInRange('1.0.0', '^1')).toThrow(/no range of versions/);
  });
});
