import { describe, expect, it } from 'vitest';
import { checkClock } from '../../src/activities/clock.js';

describe('the clock of the host beside that of Temporal', () => {
  it.each<[number, string, RegExp]>([
    [0, 'pass', /^it is$/],
    [45_000, 'pass', /^it is$/],
    [-900, 'pass', /^it is$/],
    [-3_600_000, 'fail', /^this host is at least 3600\.0 s behind$/],
    [90_000, 'fail', /^this host is 90\.0 s ahead, or began so late$/],
  ])('%d ms ahead: %s, and is only shown', (ahead, outcome, seen) => {
    const result = checkClock(1_800_000_000_000, 1_800_000_000_000 + ahead);
    expect(result).toMatchObject({ outcome, must: 'warn' });
    expect(result.seen).toMatch(seen);
  });
});
