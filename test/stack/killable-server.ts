import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type PostgresServer } from '../../src/lib/dev-servers.js';

export interface KillableServer {
  superuserUrl: string;
  /** SIGKILL to the server, and another one at the same port with the same data. */
  crash: () => Promise<void>;
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
      const [pid] = (await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGKILL');
      await server.stop();
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
