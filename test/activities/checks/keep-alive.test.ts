import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runChecks } from '../../../src/activities/checks/run-checks.js';
import type { Check } from '../../../src/model.js';
import { contextWith, serve } from './support.js';

/** What servers do to connections that a client keeps: each would fail a client that uses one a second time. */
const surprises: Record<string, (request: IncomingMessage) => void> = {
  'closes it without a word': ({ socket }) => void setImmediate(() => socket.end()),
  'resets it': ({ socket }) => void setImmediate(() => socket.resetAndDestroy()),
  'resets it at the next request': ({ socket }) =>
    void setImmediate(() => socket.removeAllListeners('data').once('data', () => socket.resetAndDestroy())),
  'never answers on it again': ({ socket }) => void setImmediate(() => socket.removeAllListeners('data').resume()),
};

const checks: Record<string, Check> = {
  reads: { http: '/a', expect: { json: { ok: true } } },
  holds: { http: '/b', hold: '1s' },
  posts: { http: 'POST /c', body: { a: 1 } },
  flows: { flow: [{ http: '/d' }, { http: 'POST /e', body: 'x=1' }, { http: '/f' }], changes: true },
};

describe('a keep-alive surprise', () => {
  it.each(Object.entries(surprises))(
    'fails nothing: a server that promises to keep a connection and %s',
    async (_, surprise) => {
      const url = await serve((request, response) => {
        response.writeHead(200, { connection: 'keep-alive', 'keep-alive': 'timeout=60' });
        response.end('{"ok":true}', () => surprise(request));
      });
      const results = await runChecks(checks, contextWith({ baseUrl: url }));
      expect(results.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
      // Each at the first try, so that nothing was hidden by asking again.
      expect(results.filter(({ seen }) => seen.includes('passed at try'))).toEqual([]);
    },
  );

  it('is not believed: a process on its way out, which goes on answering on connections that it has, is not asked again', async () => {
    const old = await listening((_, response) => void response.end('{"version":"1.0.0"}'), 0);
    const { port } = old.address() as AddressInfo;
    const sockets = new Set<Socket>();
    old.on('connection', (socket) => sockets.add(socket));
    const context = contextWith({ baseUrl: `http://127.0.0.1:${port}` });
    let asked = 0;
    old.on('request', () => {
      if ((asked += 1) > 1) return;
      // It takes no more connections, and keeps those that it has.
      old.close();
      void listening((_, response) => void response.end('{"version":"1.4.2"}'), port);
    });
    const [result] = await runChecks({ version: { http: '/', expect: { json: { version: '{version}' } } } }, context);
    expect(result).toMatchObject({ outcome: 'pass' });
    expect([asked, sockets.size]).toEqual([1, 1]);
  });
});

async function listening(listener: RequestListener, port: number): Promise<Server> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, listener).listen(port, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((ready) => server.once('listening', ready));
  return server;
}
