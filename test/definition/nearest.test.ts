import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../src/definition/durations.js';
import { nearest } from '../../src/definition/nearest.js';

describe('nearest', () => {
  const known = ['env_file', 'expect', 'production', 'http', 'go', 'url'];
  it.each([
    ['envfile', 'env_file'],
    ['expct', 'expect'],
    ['exepct', 'expect'],
    ['prod', 'production'],
    ['htpt', 'http'],
    ['HTTP', 'http'],
    ['database', undefined],
    ['x', undefined],
  ])('takes %s for %s', (word, meant) => expect(nearest(word, known)).toBe(meant));
});

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['10 minutes', undefined],
    ['10', undefined],
    ['', undefined],
    ['-5m', undefined],
  ])('reads %s as %s', (text, ms) => expect(parseDuration(text)).toBe(ms));
});
