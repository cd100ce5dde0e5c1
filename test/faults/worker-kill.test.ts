import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHistory } from '../../src/lib/history.js';
import { withLock } from '../../src/lib/lock.js';
import type { Status } from '../../src/model.js';
import { until, type Stand } from '../systems/stand.js';
import { databasesOf, lockTable, readData, waitsForLock } from './data.js';
import { follow, type Following } from './follow.js';
import { withHeldShop, type Holds } from './holds.js';
import { processesOf } from './processes.js';
import { adopted, killing, killWhileClosed } from './kill-inside.js';
import { findFaults } from './truth.js';

describe('a worker that is killed and started again', () => {
  it('ends a release right and with nothing done twice, in whatever step it was killed', async () => {
    await withHeldShop(
      async (stand, holds) => {
        expect(await stand.go('deploy', { version: '1.0.0', by: 'bob' })).toMatchObject({
          outcome: 'deployed',
          reason: '',
        });
        await forward(stand, holds);
      },
      { npm: true },
    );
  }, 600_000);
});

/** 2.0.0 goes in, with a kill at the gate and in every step. */
async function forward(stand: Stand, holds: Holds): Promise<void> {
  const { worker, database } = stand;
  const [data, before] = [await readData(database.ownerUrl), await stand.ledger()];
  delete data.SequelizeMeta;
  const handle = await stand.start('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' });
  const question = await until(async () => (await handle.query<Status>('status')).questions[0]);

  // At the gate: what is approved while nobody is there counts when the worker is back.
  await worker.kill();
  await handle.signal('approve', { gate: 'go', by: 'ann', plan: question.plan });
  const orders = await lockTable(database.superuserUrl, 'orders');
  await holds.set('fetch');
  await worker.restart();
  const run = follow(handle);
  const killInside = killing(stand, run, holds);

  // In the middle of `npm ci` and of pg_dump: these die with the worker, and begin again.
  await run.until(() => holds.inside('fetch'));
  await run.until(() => programs(stand).includes('pg_dump') && waitsForLock(database));
  await worker.kill();
  await until(async () => !programs(stand).some((name) => ['pg_dump', 'npm'].includes(name)));
  await orders.end();
  await holds.set('fetch');
  await worker.restart();

  // In the middle of the proof, whose scratch database is left.
  await run.until(() => holds.inside('fetch'));
  await run.until(async () => (await databasesOf(database)).some((name) => name.includes('__p_')));
  await killInside('fetch', 'stop');

  // In the middle of the stop script, and then of the copy: a session that cannot be ended keeps it waiting, and the database is closed.
  await killInside('stop');
  await killWhileClosed(stand, run, holds);
  await killInside('checkout', 'migrate');

  // In the middle of a statement of the migration, which goes on without the worker.
  await run.until(() => holds.inside('migrate'));
  const customers = await lockTable(database.superuserUrl, 'customers');
  await holds.set('start');
  await holds.release('migrate');
  await run.until(() => waitsForLock(database));
  await worker.kill();
  await customers.end();
  await worker.restart();

  await killInside('start', 'verify');
  await killInside('verify', 'open');
  await killInside('open');
  await killInRecord(stand, run, () => holds.release('open'));

  const ended = await run.ended;
  const effects = ['stop 1.0.0', 'start 2.0.0', 'open 2.0.0'];
  expect(
    await findFaults(stand, ended, before, { outcome: 'deployed', current: '2.0.0', effects, data, kept: true }),
  ).toEqual([]);
  expect(await adopted(stand, ended.run)).toEqual(['stop', 'switch', 'migrate', 'start', 'open']);
}

/** Twice: before the line in the history, and between it and the end of the journal. */
async function killInRecord({ home, worker }: Stand, run: Following, goOn: () => Promise<void>): Promise<void> {
  const lines = async () => (await readHistory(home)).length;
  const before = await lines();
  await withLock(join(home, 'history.lock'), 'the test', async () => {
    await goOn();
    const { run: id } = JSON.parse(await run.until(() => readFile(join(home, 'journal.json'), 'utf8'))) as {
      run: string;
    };
    await run.until(() => existsSync(join(home, 'runs', id, 'report.md')));
    await worker.kill();
    expect(await lines()).toBe(before);
  });
  await withLock(join(home, 'journal.lock'), 'the test', async () => {
    await worker.restart();
    await run.until(async () => (await lines()) > before);
    await worker.kill();
    expect(existsSync(join(home, 'journal.json'))).toBe(true);
  });
  await worker.restart();
}

/** Names of the programs that work for this stand. */
function programs({ state }: Stand): string[] {
  return processesOf(dirname(state)).map(({ command }) => basename(command.split(' ')[0] ?? ''));
}
