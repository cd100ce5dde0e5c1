import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { acts, runDataCalls } from './data-calls.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`a worker that is killed between two calls, or has no room, on a SQLite file and a tree of files (SLIPWAY_TEST_SEED=${seed})`, () => {
  it.each(acts)(
    'leaves each store whole, and the next one ends what it was at: %s',
    async (of) => {
      const { strikes, faults } = await runDataCalls({ of, seed, count: 2, say: () => undefined });
      expect(faults).toEqual([]);
      expect(strikes).toBeGreaterThan(0);
    },
    120_000,
  );
});
