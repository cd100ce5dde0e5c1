import { randomInt } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { runTakeovers } from './takeovers.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`a worker in the middle of an act, which another one takes over (SLIPWAY_TEST_SEED=${seed})`, () => {
  it.each([
    ['B4: paused, it has no effect any more when it goes on', 'pause'],
    ['B5: killed, its command is adopted, and nothing else that it ran is left', 'kill'],
  ] as const)(
    '%s',
    async (_, how) => {
      const lines: string[] = [];
      const options = {
        how,
        seed,
        count: 3,
        superuser: inject('postgres'),
        say: (line: string) => void lines.push(line),
      };
      const { trials, faults } = await runTakeovers(options);
      expect({ trials, faults }, lines.join('\n')).toEqual({ trials: 3, faults: [] });
    },
    120_000,
  );
});
