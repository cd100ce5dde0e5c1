import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startPostgres } from '../../src/lib/dev-servers.js';
import { freePort, startServer } from '../../src/lib/server-process.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-servers-'));
  await chmod(folder, 0o711);
});
afterEach(() => rm(folder, { recursive: true }));

describe('startPostgres', () => {
  it('keeps its data from one start to the next, and lets nobody in without the password', async () => {
    const first = await startPostgres({ folder });
    await query(first.superuserUrl, 'CREATE TABLE kept AS SELECT 7 AS seven');
    await first.stop();
    expect(await listens(first.port)).toBe(false);

    const second = await startPostgres({ folder });
    try {
      expect(await query(second.superuserUrl, 'SELECT seven FROM kept')).toEqual([{ seven: 7 }]);
      expect(await query(second.superuserUrl, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
      const stranger = `postgres://postgres:wrong@127.0.0.1:${second.port}/postgres`;
      await expect(query(stranger, 'SELECT 1')).rejects.toThrow('password authentication failed');
    } finally {
      await second.stop();
    }
  });

  it('says what the server said when it does not start', async () => {
    const port = Number(new URL(inject('postgres')).port);
    await expect(startPostgres({ folder, port })).rejects.toMatchObject({
      type: 'NotStarted',
      message: expect.stringMatching(/^PostgreSQL ended at once: .*could not create any TCP\/IP sockets/) as string,
    });
  });
});

describe('startServer', () => {
  it('ends the server when its parent is killed', async () => {
    const port = await freePort();
    const module = new URL('../../src/lib/server-process.ts', import.meta.url).href;
    const listen = `require('net').createServer().listen(${port}, '127.0.0.1')`;
    const server = { name: 'x', argv: [process.execPath, '-e', listen], log: join(folder, 'log'), endWith: 'SIGTERM' };
    const parentCode = `const { startServer } = await import(${JSON.stringify(module)});
      startServer(${JSON.stringify(server)});
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', parentCode], {
      stdio: 'inherit',
    });
    await until(() => listens(port));

    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await until(async () => !(await listens(port)));
  });

  it('stops twice without harm, and knows that a stopped server is never ready', async () => {
    const server = startServer({ name: 'x', argv: ['sleep', '600'], log: join(folder, 'log'), endWith: 'SIGTERM' });
    await server.stop();
    await server.stop();
    await expect(server.ready(async () => undefined, 1000)).rejects.toThrow('x ended at once');
  });
});

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function until(seen: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await seen()); await sleep(50)) {
    if (Date.now() > deadline) throw new Error('did not come about within 20 s');
  }
}
