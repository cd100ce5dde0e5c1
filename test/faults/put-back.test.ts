import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runPutBacks } from './put-back.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`B3: a release that failed, taken back by a process that is killed on its way (SLIPWAY_TEST_SEED=${seed})`, () => {
  it('leaves the database as if it had never been', async () => {
    const lines: string[] = [];
    const { runs, unequal } = await runPutBacks({ seed, count: 3, say: (line) => lines.push(line) });
    expect({ runs, unequal }, lines.join('\n')).toEqual({ runs: 3, unequal: [] });
  }, 600_000);
});
