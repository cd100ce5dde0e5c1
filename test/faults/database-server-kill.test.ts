import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startPostgres, type PostgresServer } from '../../src/lib/dev-servers.js';
import type { Status } from '../../src/model.js';
import { ending, withStand, type Ended, type Stand } from '../systems/stand.js';
import { beside, isOpen, readData, stay } from './data.js';
import { withHolds, type Held, type Holds } from './holds.js';
import { findFaults } from './truth.js';

describe('a PostgreSQL server that is killed and started again', () => {
  it('in the middle of a standby copy and of a swap: the run ends right, or asks and ends right, and the live database is whole', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-server-'));
    await chmod(folder, 0o711);
    const server = await killable(folder);
    try {
      await withHolds((holds) =>
        withStand(
          async (stand) => {
            await holds.install(stand);
            expect(await stand.go('deploy', { version: '1.0.0', by: 'bob' })).toMatchObject({ outcome: 'deployed' });
            await inTheCopy(stand, holds, server.crash);
            await inTheSwap(stand, holds, server.crash);
          },
          { definition: (yaml) => holds.definition(yaml), servers: { postgres: server.superuserUrl } },
        ),
      );
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }, 240_000);
});

async function inTheCopy(stand: Stand, holds: Holds, crash: () => Promise<void>): Promise<void> {
  const [data, before] = [await readData(stand.database.ownerUrl), await stand.ledger()];
  delete data.SequelizeMeta;
  await holds.set('stop');
  const handle = await stand.start('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' });
  const ended = await ask(handle, async (run) => {
    await crashWhileClosed(stand, holds, run, 'stop', crash);
  });
  const effects = ['stop 1.0.0', 'start 2.0.0', 'open 2.0.0'];
  expect(await findFaults(stand, ended, before, { outcome: 'deployed', current: '2.0.0', effects, data, kept: true })).toEqual([]);
}
