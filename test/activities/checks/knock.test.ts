import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runChecks } from '../../../src/activities/checks/run-checks.js';
import type { Check } from '../../../src/model.js';
import { contextWith } from './support.js';

describe('a server that does not listen yet', () => {
  it('is asked as soon as it does, by all who wait, of whom one knocks', async () => {
    const port = await freePort();
    const checks: Record<string, Check> = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`c${i}`, { http: `/${i}`, withinMs: 20_000 }]),
    );
    const running = runChecks(checks, contextWith({ baseUrl: `http://127.0.0.1:${port}` }));
    // Between two tries: whoever only asks again by then waits for most of a second.
    await new Promise((wake) => setTimeout(wake, 2200));
    let [connections, requests] = [0, 0];
    const server = await listen(port);
    server.on('connection', () => (connections += 1)).on('request', () => (requests += 1));
    const listens = performance.now();
    const results = await running;
    expect(results.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(performance.now() - listens).toBeLessThan(600);
    expect(requests).toBe(30);
    expect(connections - requests).toBeLessThanOrEqual(2);
  });

  it('is waited for no longer than the deadline, and no longer than the run', async () => {
    const port = await freePort();
    const [start, cancel] = [performance.now(), new AbortController()];
    const context = contextWith({ baseUrl: `http://127.0.0.1:${port}`, more: { signal: cancel.signal } });
    const [late] = await runChecks({ late: { http: '/', withinMs: 700 } }, context);
    expect(late?.seen).toMatch(/^nothing listens at .*; tried \d+ times in/);
    setTimeout(() => cancel.abort(), 300);
    await runChecks({ cancelled: { http: '/', withinMs: 60_000 } }, context);
    expect(performance.now() - start).toBeLessThan(6000);
  });
});

async function listen(port: number): Promise<Server> {
  const server = createServer((_, response) => void response.end('{}')).listen(port, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((ready) => server.once('listening', ready));
  return server;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((ready) => server.once('listening', ready));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
