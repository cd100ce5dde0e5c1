import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runWholeReleases } from './whole-releases.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`B3: a whole release that fails, struck at a random moment of a random step (SLIPWAY_TEST_SEED=${seed})`, () => {
  it('leaves a SQLite file and uploads as if it had never been', async () => {
    const lines: string[] = [];
    const { releases, unequal } = await runWholeReleases({
      of: 'sqlite and files',
      seed,
      count: 1,
      say: (line) => lines.push(line),
    });
    expect({ releases, unequal }, lines.join('\n')).toEqual({ releases: 1, unequal: [] });
  }, 600_000);
});
