import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { readPending } from '../../src/client/pending.js';
import type { LogFile } from '../../src/lib/command-output.js';
import { readEvidence } from '../../src/lib/evidence.js';
import { sha256File } from '../../src/lib/files.js';
import { until, type Stand } from '../systems/stand.js';
import { lockTable, readData, waitsForLock } from './data.js';
import { follow } from './follow.js';
import { withHeldShop, type Holds } from './holds.js';
import { processesOf } from './processes.js';
import { findFaults } from './truth.js';

describe('a migration in the middle of a statement', () => {
  it('is killed with all of its group by Request Cancellation, and taken back; a worker that is stopped leaves it to its successor', async () => {
    await withHeldShop(async (stand, holds) => {
      expect(await stand.go('deploy', { version: '1.0.0', by: 'bob' })).toMatchObject({
        outcome: 'deployed',
        reason: '',
      });
      await cancelled(stand, holds);
      await handedOver(stand, holds);
    });
  }, 600_000);
});

async function cancelled(stand: Stand, holds: Holds): Promise<void> {
  const [data, before] = [await readData(stand.database.ownerUrl), await stand.ledger()];
  const { run, handle, lock } = await migrating(stand, holds);
  const pids = migrators(stand).map(({ pid }) => pid);
  expect(pids.length).toBeGreaterThan(0);
  await handle.cancel();
  // While the statement still waits, so that it is the kill that ended the command.
  await run.until(() => migrators(stand).length === 0);
  await lock.end();
  const ended = await run.ended;
  expect(ended).toMatchObject({ failed: true, reason: 'cancelled' });
  const effects = ['stop 1.0.0', 'start 1.0.0', 'open 1.0.0'];
  expect(await findFaults(stand, ended, before, { outcome: 'rolled-back', current: '1.0.0', effects, data })).toEqual(
    [],
  );
}

async function handedOver(stand: Stand, holds: Holds): Promise<void> {
  const [data, before] = [await readData(stand.database.ownerUrl), await stand.ledger()];
  delete data.SequelizeMeta;
  const { run, lock } = await migrating(stand, holds);
  const pids = migrators(stand).map(({ pid }) => pid);
  await stand.worker.stop();
  expect(migrators(stand).map(({ pid }) => pid)).toEqual(pids);
  await stand.worker.restart();
  // The new worker waits for it, too.
  expect(migrators(stand).map(({ pid }) => pid)).toEqual(pids);
  await lock.end();
  const ended = await run.ended;
  const effects = ['stop 1.0.0', 'start 2.0.0', 'open 2.0.0'];
  expect(
    await findFaults(stand, ended, before, { outcome: 'deployed', current: '2.0.0', effects, data, kept: true }),
  ).toEqual([]);
  const entries = await readEvidence(join(stand.home, 'runs', ended.run ?? ''));
  const [entry, ...more] = entries.filter(({ id }) => id === 'migrate-1-migrate-migrate');
  expect([entry, more]).toMatchObject([{ data: { adopted: true, exitCode: 0 } }, []]);
  const { log, tail } = entry?.data as { log: LogFile; tail: string };
  const text = await readFile(log.path, 'utf8');
  expect(text).toMatch(/^begins with \[redacted\]\n[^]*: migrated/);
  expect({ log, tail }).toEqual({
    log: { path: log.path, bytes: Buffer.byteLength(text), sha256: await sha256File(log.path) },
    tail: text.slice(-2000),
  });
}

/** A deploy of 2.0.0 whose migration waits for a lock. */
async function migrating(stand: Stand, holds: Holds) {
  await holds.set('migrate');
  const handle = await stand.start('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' });
  const run = follow(handle);
  await run.until(() => holds.inside('migrate'));
  // What the tool printed last is in the activity's heartbeat while it runs.
  await run.until(async () => (await lastLines(stand, handle)).includes('begins with [redacted]'));
  const lock = await lockTable(stand.database.superuserUrl, 'customers');
  await holds.release('migrate');
  await until(() => waitsForLock(stand.database));
  return { run, handle, lock };
}

async function lastLines(stand: Stand, handle: WorkflowHandle): Promise<string[]> {
  return (await readPending(stand, await handle.describe(), Date.now())).map(({ line }) => line);
}

function migrators({ state }: Stand) {
  return processesOf(dirname(state)).filter(({ command }) => command.includes('db:migrate'));
}
