import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type PostgresServer } from '../../src/lib/dev-servers.js';

export interface KillableServer {
  superuserUrl: string;
  /** SIGKILL to the server, and another one at the same port with the same data. */
  crash: () => Promise<void>;
  /** Stopped in order, its WAL moved into that folder of another disk, and started again. */
  walTo: (place: string) => Promise<void>;
  end: () => Promise<void>;
}

/** A PostgreSQL server of the test's own, at one port for good. */
export async function killableServer(): Promise<KillableServer> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-server-'));
  await chmod(folder, 0o711);
  let server = await startPostgres({ folder });
  const { port, superuserUrl } = server;
  return {
    superuserUrl,
    crash: async () => {
      // A full disk may have ended it already.
      const [pid] = (await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
      if (pid && existsSync(`/proc/${pid}`)) process.kill(Number(pid), 'SIGKILL');
      await server.stop();
      server = await again(folder, port);
    },
    walTo: async (place) => {
      await server.stop();
      const wal = join(folder, 'data', 'pg_wal');
      await rename(wal, `${wal}.moved`);
      execFileSync('cp', ['-a', `${wal}.moved`, place]);
      await rm(`${wal}.moved`, { recursive: true });
      await symlink(place, wal);
      server = await again(folder, port);
    },
    end: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the killed one left behind has to go before another may begin there. */
async function again(folder: string, port: number): Promise<PostgresServer> {
  for (const deadline = Date.now() + 60_000; ;) {
    try {
      return await startPostgres({ folder, port });
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}
