import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { describeWithDocker } from '../stack/docker.js';
import { runServiceKills } from './service-kills.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describeWithDocker(
  `a database inside a service, and a kill in the middle of an act (SLIPWAY_TEST_SEED=${seed})`,
  () => {
    it('is whole and open after the next attempt, and nothing of the killed one is left, also not inside', async () => {
      const lines: string[] = [];
      const { runs, faults } = await runServiceKills({ seed, count: 3, say: (line) => lines.push(line) });
      expect({ runs, faults }, lines.join('\n')).toEqual({ runs: 3, faults: [] });
    }, 600_000);
  },
);
