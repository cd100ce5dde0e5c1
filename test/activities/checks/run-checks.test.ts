import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { onceIn } from '../../../src/activities/checks/once.js';
import { runChecks } from '../../../src/activities/checks/run-checks.js';
import type { Check, CheckResult } from '../../../src/model.js';
import { contextWith, serve } from './support.js';

describe('the checks of a phase', () => {
  it('all run and are reported in declared order, whatever becomes of each', async () => {
    const url = await serve(
      (request, response) => void response.writeHead(request.url === '/bad' ? 500 : 200).end('{}'),
    );
    const checks: Record<string, Check> = {
      bad: { http: '/bad', withinMs: 300, must: 'warn' },
      typo: { http: '/{verison}' },
      login: { ask: 'Login works in {version}', role: 'administrator' },
      good: { http: '/good' },
      none: {},
      breaking: { http: '/good', when: { change: ['breaking'] } },
      newer: { http: '/good', when: { version: '>=2.0.0' } },
      env: { env: ['SHOP_KEY'] },
    };
    const told: CheckResult[] = [];
    const positions = { 'verify.bad': 'systems/shop.yaml:88' };
    const context = contextWith({
      baseUrl: url,
      variables: { SHOP_KEY: 'x' },
      definition: { verify: checks, positions },
      more: { change: 'compatible' },
    });
    const results = await runChecks(checks, context, { ended: (result) => void told.push(result) });
    expect(results.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'bad fail',
      'typo fail',
      'login skip',
      'good pass',
      'none fail',
      'breaking n/a',
      'newer n/a',
      'env pass',
    ]);
    const by = Object.fromEntries(results.map((result) => [result.name, result]));
    expect(by.bad).toMatchObject({ must: 'warn', where: 'systems/shop.yaml:88', expected: 'GET /bad: 2xx' });
    expect(by.typo?.seen).toMatch(/\{verison\} stands for nothing/);
    expect(by.login).toMatchObject({
      ask: { text: 'Login works in 1.4.2', role: 'administrator' },
      must: 'must',
      where: 'verify.login',
    });
    expect(by.breaking?.seen).toBe('only for breaking changes; this one is compatible');
    expect(by.newer?.seen).toBe('only for versions >=2.0.0; this one is 1.4.2');
    expect(new Set(told)).toEqual(new Set(results));
  });

  it('run side by side where they only read', async () => {
    let open = 0;
    let most = 0;
    const url = await serve((_, response) => {
      most = Math.max(most, (open += 1));
      // Nobody is answered before all are there.
      const timer = setInterval(() => {
        if (most < 50) return;
        clearInterval(timer);
        open -= 1;
        response.end('{}');
      }, 5);
    });
    const checks = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`c${i}`, { http: `/${i}` }]));
    const results = await runChecks(checks, contextWith({ baseUrl: url }));
    expect(results.every(({ outcome }) => outcome === 'pass')).toBe(true);
    expect(most).toBe(50);
  });

  it('run one after the other, after all others, where they may change something or sign in', async () => {
    const log: string[] = [];
    const url = await serve((request, response) => {
      log.push(`${request.method} ${request.url}`);
      setTimeout(() => {
        log.push(`answered ${request.url}`);
        response.end('{}');
      }, 30);
    });
    const checks: Record<string, Check> = {
      first: { http: 'POST /1' },
      second: { flow: [{ http: '/2' }] },
      third: { command: ['true'], changes: true },
      read: { http: '/0' },
    };
    expect((await runChecks(checks, contextWith({ baseUrl: url }))).map(({ outcome }) => outcome)).toEqual([
      'pass',
      'pass',
      'pass',
      'pass',
    ]);
    expect(log).toEqual(['GET /0', 'answered /0', 'POST /1', 'answered /1', 'GET /2', 'answered /2']);
  });

  it('are sent once where they may change something: a later attempt knows the answer, or says that nobody does', async () => {
    const log: string[] = [];
    const url = await serve((request, response) => {
      log.push(`${request.method} ${request.url}`);
      if (request.url !== '/hangs') response.end('{}');
    });
    const folder = await mkdtemp(join(tmpdir(), 'slipway-once-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const checks: Record<string, Check> = {
      reads: { http: '/reads' },
      answered: { http: 'POST /answered' },
      hangs: { http: 'POST /hangs', withinMs: 60_000 },
    };
    const change = async () => Promise.reject(new Error('no command here'));
    const attempt = () => {
      const cancel = new AbortController();
      const once = onceIn({ folder, change, cancelled: cancel.signal }, 'activity-7');
      return { cancel, done: runChecks(checks, contextWith({ baseUrl: url, more: { once } })) };
    };
    const first = attempt();
    while (!log.includes('POST /hangs')) await new Promise((wake) => setTimeout(wake, 10));
    // As after a worker that died: the first attempt is never heard of again.
    const second = await attempt().done;
    expect(log.sort()).toEqual(['GET /reads', 'GET /reads', 'POST /answered', 'POST /hangs']);
    expect(second.map(({ outcome }) => outcome)).toEqual(['pass', 'pass', 'fail']);
    expect(second[2]?.seen).toMatch(/^its outcome is unknown: the worker ended while it ran\./);
    first.cancel.abort();
    await first.done;
  });

  it('leave out of a rehearsal what may change data', async () => {
    const checks: Record<string, Check> = {
      posts: { http: 'POST /x' },
      flows: { flow: [{ http: 'POST /login' }] },
      changes: { command: ['true'], changes: true },
      reads: { command: ['true'] },
    };
    const results = await runChecks(checks, contextWith({ more: { rehearsal: { url: 'postgresql://copy' } } }));
    expect(results.map(({ outcome }) => outcome)).toEqual(['n/a', 'n/a', 'n/a', 'pass']);
    expect(results[0]?.seen).toContain('not done in a rehearsal');
  });

  it('all end when the run is cancelled', async () => {
    const cancel = new AbortController();
    const url = await serve(() => cancel.abort());
    const checks: Record<string, Check> = {
      a: { http: '/a', withinMs: 60_000 },
      b: { flow: [{ http: '/b' }], withinMs: 60_000 },
      c: { http: 'POST /c' },
    };
    const start = performance.now();
    const results = await runChecks(checks, contextWith({ baseUrl: url, more: { signal: cancel.signal } }));
    expect(results.map(({ outcome }) => outcome)).toEqual(['fail', 'fail', 'fail']);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
