import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startPostgres, startTemporal } from '../../src/lib/dev-servers.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** `host:port` of the dev server that the whole suite shares: use environment names of your own. */
    temporal: string;
    /** Superuser of the shared PostgreSQL server: test/stack/database.ts gives a database of your own. */
    postgres: string;
  }
}

/** One Temporal dev server and one PostgreSQL server, both real, for the whole suite. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
  await chmod(folder, 0o711); // PostgreSQL may run as another user
  const [temporal, postgres] = await Promise.all([
    startTemporal({ folder: join(folder, 'temporal'), headless: true }),
    startPostgres({ folder: join(folder, 'postgres') }),
  ]);
  project.provide('temporal', temporal.address);
  project.provide('postgres', postgres.superuserUrl);
  return async () => {
    await Promise.all([temporal.stop(), postgres.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
}
