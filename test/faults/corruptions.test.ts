import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { kinds } from './corrupted-live.js';
import { runCorruptions } from './corruptions.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`B7: a damaged backup (SLIPWAY_TEST_SEED=${seed})`, () => {
  // openssl's way of making a key takes its time: `npm run faults -- B7` has all of them.
  it.each(kinds.filter((kind) => !kind.includes('openssl')))(
    'of %s is refused before anything is touched, and the undamaged one serves',
    async (of) => {
      const { runs, served, faults } = await runCorruptions({ seed, count: 20, of, say: () => undefined });
      expect({ runs, faults }).toEqual({ runs: 20, faults: [] });
      expect(served).toBe(of.endsWith('copied') ? 5 : 0);
    },
    120_000,
  );
});
