import { randomInt } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { dockerWorks } from '../stack/docker.js';
import { runTakeovers } from './takeovers.js';

const seed = Number(process.env.SLIPWAY_TEST_SEED ?? randomInt(2 ** 31));

describe(`a worker in the middle of an act that another one takes over (SLIPWAY_TEST_SEED=${seed})`, () => {
  it.each([
    ['B4: has no effect any more where it was paused and comes back', 'pause'],
    ['B5: leaves no process where it was killed', 'kill'],
  ] as const)(
    '%s',
    async (_, how) => {
      const settings = { how, seed, superuser: inject('postgres'), say: () => {} };
      expect(await runTakeovers({ ...settings, count: 4 })).toMatchObject({ struck: 4, faults: [] });
    },
    120_000,
  );

  it.skipIf(!dockerWorks).each(['pause', 'kill'] as const)(
    'has no effect and leaves nothing inside a container, either, after a %s',
    async (how) => {
      const settings = { how, seed, superuser: inject('postgres'), inside: true, say: () => {} };
      expect(await runTakeovers({ ...settings, count: 2 })).toMatchObject({ struck: 2, faults: [] });
    },
    120_000,
  );
});
