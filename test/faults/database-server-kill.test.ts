import { setTimeout as wait } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { Status } from '../../src/model.js';
import { killableServer } from '../stack/killable-server.js';
import { ending, until, type Ended, type Stand } from '../systems/stand.js';
import { isOpen, readData, stay } from './data.js';
import { withHeldShop, type Holds } from './holds.js';
import { findFaults } from './truth.js';

describe('a PostgreSQL server that is killed and started again', () => {
  it('leaves the live database whole, in the middle of a standby copy and of a swap: the step asks, and ends right', async () => {
    const server = await killableServer();
    try {
      const use = async (stand: Stand, holds: Holds) => {
        expect(await stand.go('deploy', { version: '1.0.0', by: 'bob' })).toMatchObject({
          outcome: 'deployed',
          reason: '',
        });
        await inTheCopy(stand, holds, server.crash);
        await inTheSwap(stand, holds, server.crash);
      };
      await withHeldShop(use, { servers: { postgres: server.superuserUrl } });
    } finally {
      await server.end();
    }
  }, 600_000);
});

async function inTheCopy(stand: Stand, holds: Holds, crash: () => Promise<void>): Promise<void> {
  const [data, before] = [await readData(stand.database.ownerUrl), await stand.ledger()];
  delete data.SequelizeMeta;
  await holds.set('stop');
  const run = talk(await stand.start('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' }));
  await crashWhileClosed(stand, holds, crash);
  run.answerFailures();
  const effects = ['stop 1.0.0', 'start 2.0.0', 'open 2.0.0'];
  expect(
    await findFaults(stand, await run.ended, before, {
      outcome: 'deployed',
      current: '2.0.0',
      effects,
      data,
      kept: true,
    }),
  ).toEqual([]);
  expect(run.asked).toEqual([expect.stringContaining('may be closed to everybody')]);
}

async function inTheSwap(stand: Stand, holds: Holds, crash: () => Promise<void>): Promise<void> {
  const [data, before] = [await readData(stand.database.ownerUrl), await stand.ledger()];
  await holds.set('start');
  const run = talk(await stand.start('deploy', { version: '3.0.0', by: 'bob' }));
  await until(async () => holds.inside('start'));
  await holds.set('stop');
  await holds.release('start');
  await crashWhileClosed(stand, holds, crash);
  run.answerFailures();
  const effects = ['stop 2.0.0', 'start 3.0.0', 'stop 3.0.0', 'start 2.0.0', 'open 2.0.0'];
  expect(
    await findFaults(stand, await run.ended, before, { outcome: 'rolled-back', current: '2.0.0', effects, data }),
  ).toEqual([]);
  expect(run.asked).toEqual([expect.stringContaining('may be closed to everybody')]);
}

/** While a session that cannot be ended keeps the copy or the swap waiting, and nobody else may connect. */
async function crashWhileClosed({ database }: Stand, holds: Holds, crash: () => Promise<void>): Promise<void> {
  await until(async () => holds.inside('stop'));
  await stay(database.superuserUrl);
  await holds.release('stop');
  await until(async () => !(await isOpen(database)));
  await crash();
}

/** Approves gates, and, from `answerFailures` on, answers each failure by a retry. */
function talk(handle: WorkflowHandle): { ended: Promise<Ended>; asked: string[]; answerFailures: () => void } {
  const asked: string[] = [];
  const said = new Set<string>();
  let over = false;
  let answers = false;
  const listen = async () => {
    while (!over) {
      const status = await handle.query<Status>('status').catch(() => undefined);
      for (const { name, is, text, plan, since } of status?.questions ?? []) {
        if (said.has(`${name} ${since}`) || (is === 'failure' && !answers)) continue;
        said.add(`${name} ${since}`);
        if (is === 'failure') asked.push(text);
        if (is === 'failure') await handle.signal('answer', { to: name, answer: 'retry', by: 'ann', plan });
        else await handle.signal('approve', { gate: name, by: 'ann', plan });
      }
      await wait(50);
    }
  };
  const listening = listen();
  // The connection may be closed once nobody asks over it any more.
  const ended = ending(handle)
    .finally(() => (over = true))
    .finally(() => listening);
  return { ended, asked, answerFailures: () => void (answers = true) };
}
