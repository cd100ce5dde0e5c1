import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runServerKills } from './server-kills.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`a database server killed in the middle of an act (SLIPWAY_TEST_SEED=${seed})`, () => {
  it('leaves the live database whole and open after the next attempt, and no scratch', async () => {
    const lines: string[] = [];
    const { runs, faults } = await runServerKills({ seed, count: 5, say: (line) => lines.push(line) });
    expect({ runs, faults }, lines.join('\n')).toEqual({ runs: 5, faults: [] });
  }, 600_000);
});
