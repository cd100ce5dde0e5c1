import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runCorruptions } from './corruptions.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`B7: a damaged backup (SLIPWAY_TEST_SEED=${seed})`, () => {
  it('is refused before anything is touched, and the undamaged one serves', async () => {
    const { runs, faults } = await runCorruptions({ seed, count: 40, say: () => undefined });
    expect({ runs, faults }).toEqual({ runs: 40, faults: [] });
  }, 120_000);
});
