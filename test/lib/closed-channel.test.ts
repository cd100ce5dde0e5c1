import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { statusCode } from '../../src/client/rpc.js';
import { connect } from '../../src/lib/connection.js';

const CANCELLED = 1;

describe('a connection that is closed while a call waits to be tried again', () => {
  it('ends the call as cancelled, instead of ending the process from a timer', async () => {
    const lost = await relay(inject('temporal'));
    const { client } = await connect({ address: `127.0.0.1:${lost.port}` });
    // From here on every try finds nobody, and the client begins the next one by a timer.
    await lost.end();
    const asked = client.workflowService.getSystemInfo({}).catch((error: unknown) => statusCode(error));
    await wait(150);
    await client.connection.close();
    expect(await asked).toBe(CANCELLED);
  });

  it('ends a call that is begun afterwards in the same way', async () => {
    const { client } = await connect({ address: inject('temporal') });
    await client.connection.close();
    const asked = client.workflowService.getSystemInfo({}).catch((error: unknown) => statusCode(error));
    expect(await asked).toBe(CANCELLED);
  });
});

/** Stands between client and server until it is ended. */
async function relay(address: string): Promise<{ port: number; end: () => Promise<void> }> {
  const [host, port] = address.split(':') as [string, string];
  const sockets = new Set<Socket>();
  const server = createServer((inside) => {
    const outside = dial(Number(port), host);
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    inside.pipe(outside).pipe(inside);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const end = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  };
  return { port: (server.address() as AddressInfo).port, end };
}
