import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runKills } from './kills.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`a worker killed at random moments (SLIPWAY_TEST_SEED=${seed})`, () => {
  it('loses, doubles and halves nothing over a release, a failed one and a rollback', async () => {
    const lines: string[] = [];
    const totals = await runKills({ seed, count: 3, say: (line) => lines.push(line) });
    expect(totals, lines.join('\n')).toMatchObject({ runs: 3, lost: 0, duplicated: 0, half: 0 });
  }, 600_000);
});
