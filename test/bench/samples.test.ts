import { expect, it } from 'vitest';
import { pairedRatio, tableOf } from '../../bench/lib/samples.js';

it('compares round by round, so that a round in which everything was slow counts no more than another', () => {
  const samples = { ours: [10, 200, 12], peer: [20, 100, 10] };
  expect(pairedRatio(samples, 'ours', 'peer')).toBe(1.2);
  const [, ours] = tableOf(samples, 'peer').split('\n');
  expect(ours?.split(/ {2,}/).slice(4)).toEqual(['0.600', '1.200', '3']);
});
