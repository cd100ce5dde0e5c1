import { describe, expect, it } from 'vitest';
import type { Stand } from '../systems/stand.js';
import { readData } from './data.js';
import { follow } from './follow.js';
import { withHeldShop, type Holds } from './holds.js';
import { adopted, killing, killWhileClosed } from './kill-inside.js';
import { findFaults } from './truth.js';

describe('a worker that is killed and started again', () => {
  it('takes a failed release back right and with nothing done twice, in whatever undo it was killed', async () => {
    await withHeldShop(async (stand, holds) => {
      for (const version of ['1.0.0', '2.0.0'])
        expect(await stand.go('deploy', { version, by: 'bob' })).toMatchObject({ outcome: 'deployed', reason: '' });
      await andBack(stand, holds);
    });
  }, 600_000);
});

/** 3.0.0 fails its check and is taken back, with a kill in every undo. */
async function andBack(stand: Stand, holds: Holds): Promise<void> {
  const { database } = stand;
  const [data, before] = [await readData(database.ownerUrl), await stand.ledger()];
  await holds.set('start');
  const run = follow(await stand.start('deploy', { version: '3.0.0', by: 'bob' }));
  const killInside = killing(stand, run, holds);
  await run.until(() => holds.inside('start'));
  await holds.set('stop');
  await holds.release('start');

  // The undo of `start` is a stop, that of `migrate` a swap, that of `switch` a checkout, that of `stop` a start.
  await killInside('stop');
  await killWhileClosed(stand, run, holds);
  await killInside('checkout', 'start');
  await killInside('start', 'open');
  await killInside('open');
  await holds.release('open');

  const ended = await run.ended;
  expect(ended).toMatchObject({ problem: 'CheckFailed', failed: true });
  const effects = ['stop 2.0.0', 'start 3.0.0', 'stop 3.0.0', 'start 2.0.0', 'open 2.0.0'];
  expect(await findFaults(stand, ended, before, { outcome: 'rolled-back', current: '2.0.0', effects, data })).toEqual(
    [],
  );
  expect(await adopted(stand, ended.run)).toEqual(['undo start', 'undo switch', 'undo stop', 'reopen']);
}
