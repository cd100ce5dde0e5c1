import type { RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { runHttpCheck } from '../../../src/activities/checks/http.js';
import { runChecks } from '../../../src/activities/checks/run-checks.js';
import type { Check } from '../../../src/model.js';
import { contextWith, serve, temporaryFolder } from './support.js';

const run = (baseUrl: string, check: Check) => runHttpCheck({ http: '/x', ...check }, contextWith({ baseUrl }));
const json = (response: ServerResponse, value: unknown, status = 200, headers = {}) =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));

describe('until', () => {
  it('asks until stale has become fresh, and says what it was when it did not', async () => {
    let asked = 0;
    const url = await serve((_, response) =>
      json(response, { freshness: { status: (asked += 1) < 3 ? 'stale' : 'fresh' } }),
    );
    const until = { status: 200, json: { 'freshness.status': 'fresh' } };
    expect((await run(url, { until, withinMs: 4000 })).seen).toMatch(/freshness\.status "fresh"; passed at try 3/);
    asked = -1000;
    expect((await run(url, { until, withinMs: 500 })).seen).toMatch(/freshness\.status is "stale"; tried \d+ times/);
  });

  it('is refused where asking again changes something', async () => {
    await expect(run('http://127.0.0.1:9', { http: 'POST /x', until: 200 })).rejects.toThrow(/ask with GET/);
  });
});

describe('hold', () => {
  it('passes when the answer stays as it is, and fails at the first that does not', async () => {
    const start = performance.now();
    const steady = await run(await serve((_, response) => json(response, {})), { hold: '1s' });
    expect(steady.seen).toMatch(/held 1(\.\d)? s, asked \d+ times$/);
    expect(performance.now() - start).toBeGreaterThan(990);
    const flaky = await serve((_, response) => json(response, {}, performance.now() - start > 1300 ? 500 : 200));
    const verdict = await run(flaky, { hold: '1s' });
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict.seen).toMatch(/^it did not hold: after \d+ ms 500 in/);
  });

  it('cannot be longer than the deadline', async () => {
    await expect(run('http://127.0.0.1:9', { hold: '5s', withinMs: 3000 })).rejects.toThrow(
      /cannot hold for 5 s within 3 s/,
    );
  });
});

describe('repeat', () => {
  it('asks until the limit answers, when all others have ended; whoever checks next waits until it is over', async () => {
    const asked: string[] = [];
    let limited = 0;
    const url = await serve((request, response) => {
      asked.push(request.url ?? '');
      if (performance.now() < limited) return json(response, {}, 429);
      if (limited > 0 || asked.filter((path) => path === '/limited').length < 5) return json(response, {});
      limited = performance.now() + 900;
      return json(response, {}, 429, { 'retry-after': '1' });
    });
    const checks: Record<string, Check> = {
      limit: { http: '/limited', repeat: 70, expect: 429 },
      reads: { http: '/a', expect: 200 },
      writes: { http: 'POST /b', expect: 200 },
      flow: { flow: [{ http: '/c', expect: 200 }] },
    };
    const home = temporaryFolder();
    const context = contextWith({ baseUrl: url, more: { home } });
    const results = await runChecks(checks, context);
    expect(results.map(({ name, outcome }) => [name, outcome])).toEqual(
      Object.keys(checks).map((name) => [name, 'pass']),
    );
    expect(results[0]?.seen).toMatch(/^429 in .*asked 5 times in [\d.]+ m?s$/);
    expect(asked.slice(-5)).toEqual(Array.from({ length: 5 }, () => '/limited'));

    const said: string[] = [];
    const { limit: _, ...others } = checks;
    const next = await runChecks({ ...others, once: { http: '/a', expect: 200, changes: true } }, context, {
      waits: (line) => void said.push(line),
    });
    expect(next.map(({ outcome }) => outcome)).toEqual(['pass', 'pass', 'pass', 'pass']);
    expect(said).toEqual([expect.stringMatching(/^waiting [\d.]+ m?s: a check has used up a limit of requests/)]);
  });

  it('takes it for a minute where the server does not say how long, whether the answer was as expected or not', async () => {
    const home = temporaryFolder();
    const baseUrl = await serve((_, response) => json(response, {}, 429));
    const expected = { status: 429, json: { detail: { present: true } } };
    const verdict = await runHttpCheck(
      { http: '/x', repeat: 3, expect: expected },
      contextWith({ baseUrl, more: { home } }),
    );
    expect(verdict).toMatchObject({ ok: false });
    const cancel = AbortSignal.timeout(300);
    const said: string[] = [];
    const waits = (line: string) => void said.push(line);
    // What asks no server does not wait.
    await runChecks({ env: { env: [] } }, contextWith({ more: { home, signal: cancel } }), { waits });
    expect([said, cancel.aborted]).toEqual([[], false]);
    await runChecks({ reads: { http: '/x' } }, contextWith({ baseUrl, more: { home, signal: cancel } }), { waits });
    expect(said).toEqual([expect.stringMatching(/^waiting (5\d|60)(\.\d)? s: /)]);
  });

  it('asks no more often than it says', async () => {
    let asked = 0;
    const url = await serve((_, response) => ((asked += 1), json(response, {})));
    const verdict = await run(url, { repeat: 7, expect: 429 });
    expect([verdict.ok, asked]).toEqual([false, 7]);
    expect(verdict.seen).toMatch(/^200 in .*asked 7 times in/);
  });
});

describe('assets', () => {
  const page = `<!doctype html><link rel="stylesheet" href="/app.css"><link rel="icon" href="/missing.ico">
    <script type="module" src='/assets/main.js?v=1&amp;w=2'></script><script src="https://cdn.example.com/x.js"></script>`;
  const site =
    (assets: Record<string, [number, string]>): RequestListener =>
    (request, response) => {
      const path = request.url ?? '';
      const [status, type] = path === '/x' ? [200, 'text/html'] : (assets[path] ?? [404, 'text/plain']);
      response.writeHead(status, { 'content-type': type }).end(path === '/x' ? page : Buffer.alloc(3 << 20));
    };
  const whole: Record<string, [number, string]> = {
    '/app.css': [200, 'text/css'],
    '/assets/main.js?v=1&w=2': [200, 'text/javascript'],
  };

  it('asks for the scripts and styles of the page, however large, and for no others', async () => {
    const verdict = await run(await serve(site(whole)), { assets: true });
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.seen).toContain('2 scripts and styles answer');
  });

  it.each<[string, Record<string, [number, string]>, RegExp]>([
    ['is missing', { '/app.css': [200, 'text/css'] }, /\/assets\/main\.js answers 404/],
    [
      'is a page that stands in for it',
      { ...whole, '/app.css': [200, 'text/html'] },
      /\/app\.css answers with an HTML page/,
    ],
  ])('says which one %s', async (_, assets, seen) => {
    const verdict = await run(await serve(site(assets)), { assets: true, withinMs: 2000 });
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict.seen).toMatch(seen);
  });

  it('is not content with a page that names none', async () => {
    const verdict = await run(await serve((_, response) => json(response, {})), { assets: true, withinMs: 200 });
    expect(verdict.seen).toContain('the page names no script or style of its own');
  });
});
