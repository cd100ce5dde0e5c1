import { randomInt } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { runTakeovers } from './takeovers.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`a worker in the middle of an act that another one takes over (SLIPWAY_TEST_SEED=${seed})`, () => {
  it.each([
    ['B4: has no effect any more where it was paused and comes back', 'pause'],
    ['B5: leaves no process where it was killed', 'kill'],
  ] as const)(
    '%s',
    async (_, how) => {
      const { trials, faults } = await runTakeovers({
        how,
        seed,
        count: 4,
        superuser: inject('postgres'),
        say: () => {},
      });
      expect({ trials, faults }).toEqual({ trials: 4, faults: [] });
    },
    120_000,
  );
});
