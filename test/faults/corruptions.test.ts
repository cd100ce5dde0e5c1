import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runCorruptions } from './corruptions.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`B7: a damaged backup (SLIPWAY_TEST_SEED=${seed})`, () => {
  it.each(['postgres', 'sqlite and files'] as const)(
    'of %s is refused before anything is touched, and the undamaged one serves',
    async (of) => {
      const { runs, faults } = await runCorruptions({ seed, count: 20, of, say: () => undefined });
      expect({ runs, faults }).toEqual({ runs: 20, faults: [] });
    },
    120_000,
  );
});
