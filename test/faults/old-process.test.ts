import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runOldProcesses } from './old-process.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`C16: an old process that answers with 200 (SLIPWAY_TEST_SEED=${seed})`, () => {
  it('is caught, however it comes to answer; an honest release passes', async () => {
    const lines: string[] = [];
    const { missed, refused } = await runOldProcesses({ seed, count: 9, say: (line) => lines.push(line) });
    expect({ missed, refused }, lines.join('\n')).toEqual({ missed: [], refused: [] });
  }, 600_000);
});
