import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { CookieJar } from '../../../src/activities/checks/cookies.js';
import { runFlowCheck } from '../../../src/activities/checks/flow.js';
import type { Check } from '../../../src/model.js';
import { bodyOf, contextWith, serve } from './support.js';

const TOKEN = 'opaque-token-7f3a9c';

interface Shop {
  /** `METHOD path cookie authorization body` */
  asked: string[];
  /** Requests to refuse with 500 before it works. */
  sick: number;
  broken?: string;
}

async function shop(state: Partial<Shop> = {}): Promise<Shop & { url: string }> {
  const kept: Shop = { asked: [], sick: 0, ...state };
  const url = await serve((request, response) => void answer(request, response, kept));
  return Object.assign(kept, { url });
}

async function answer(request: IncomingMessage, response: ServerResponse, state: Shop): Promise<void> {
  const body = await bodyOf(request);
  const { cookie = '-', authorization = '-' } = request.headers;
  const what = `${request.method} ${request.url}`;
  state.asked.push(`${what} ${cookie} ${authorization} ${body}`);
  const send = (status: number, value: unknown, headers = {}) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  if (state.sick-- > 0) return send(500, { error: 'starting' });
  if (what === state.broken) return send(500, { error: 'broken', echo: authorization, cookie });
  if (what === 'POST /login')
    return send(
      200,
      { data: { token: TOKEN }, id: 17 },
      { 'set-cookie': ['sid=cookie-secret-1; Path=/; HttpOnly', 'old=; Max-Age=0'] },
    );
  if (what === 'POST /invoices') return send(201, { invoice: { id: 'a/b 1' } });
  return send(200, { data: [1] });
}

const login = {
  http: 'POST /login',
  body: { user: 'ann', password: '$SMOKE_PASSWORD' },
  save: { jwt: 'data.token', user: 'id' },
};
const check: Check = {
  withinMs: 600,
  flow: [
    login,
    {
      http: 'POST /invoices',
      bearer: '{jwt}',
      body: { user: '{user}', note: 'of {user} at {version}' },
      expect: 201,
      save: { invoice: 'invoice.id' },
    },
    { http: '/invoices/{invoice}', bearer: '{jwt}', expect: { status: 200, json: { data: { longer: 0 } } } },
  ],
  finally: [{ http: 'DELETE /invoices/{invoice}', bearer: '{jwt}' }],
};
const run = (url: string, one: Check = check) =>
  runFlowCheck(one, contextWith({ baseUrl: url, variables: { SMOKE_PASSWORD: 'smoke-password-1' } }));

describe('a flow', () => {
  it('carries what it saved, and its cookies, from step to step, and cleans up', async () => {
    const server = await shop();
    const verdict = await run(server.url);
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.seen).toMatch(/^3 steps in .*; the last one: step 3: \/invoices\/\{invoice\}: 200 in/);
    expect(server.asked).toEqual([
      'POST /login - - {"user":"ann","password":"smoke-password-1"}',
      `POST /invoices sid=cookie-secret-1 Bearer ${TOKEN} {"user":17,"note":"of 17 at 1.4.2"}`,
      `GET /invoices/a%2Fb%201 sid=cookie-secret-1 Bearer ${TOKEN} `,
      `DELETE /invoices/a%2Fb%201 sid=cookie-secret-1 Bearer ${TOKEN} `,
    ]);
  });

  it('says which step failed and what was expected of it, without token, cookie or password', async () => {
    const server = await shop({ broken: 'GET /invoices/a%2Fb%201' });
    const verdict = await run(server.url);
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(
      /^step 3: \/invoices\/\{invoice\}: 500 in .*"error":"broken".*\(expected 200, data is longer than 0\); tried \d+ times in/,
    );
    expect(JSON.stringify(verdict)).not.toMatch(/opaque-token|cookie-secret|smoke-password/);
  });

  it('is tried again as a whole, with a fresh session', async () => {
    const server = await shop({ sick: 1 });
    const verdict = await run(server.url, { ...check, withinMs: 5000 });
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.seen).toMatch(/passed at try 2/);
    expect(server.asked.filter((line) => line.startsWith('POST /login - -'))).toHaveLength(2);
  });

  it('runs once where it says that it changes something', async () => {
    const server = await shop({ sick: 1 });
    const verdict = await run(server.url, { ...check, changes: true, withinMs: 5000 });
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict.seen).toContain('tried once, since the flow changes something');
    expect(server.asked).toHaveLength(1);
  });

  it('cleans up after a failure, only what was made', async () => {
    const server = await shop({ broken: 'GET /invoices/a%2Fb%201' });
    await run(server.url, { ...check, changes: true });
    expect(server.asked.at(-1)).toContain('DELETE /invoices/a%2Fb%201');
    const early = await shop({ broken: 'POST /login' });
    await run(early.url, { ...check, changes: true });
    expect(early.asked).toHaveLength(1);
  });

  it('fails when it could not clean up, and says what may be left', async () => {
    const server = await shop({ broken: 'DELETE /invoices/a%2Fb%201' });
    const verdict = await run(server.url, { ...check, changes: true });
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict.seen).toContain(
      'what the flow made may be left behind: finally step 1: DELETE /invoices/{invoice}: 500',
    );
  });

  it('says what could not be saved', async () => {
    const server = await shop();
    const verdict = await run(server.url, { withinMs: 300, flow: [{ ...login, save: { jwt: 'access_token' } }] });
    expect(verdict.seen).toMatch(
      /^step 1: POST \/login: 200 in .*; jwt cannot be saved: nothing at access_token; the answer has keys data, id/,
    );
  });

  it('refuses a name that no step saves, at once', async () => {
    const server = await shop();
    const verdict = await run(server.url, { withinMs: 20_000, flow: [login, { http: '/invoices', bearer: '{jwtt}' }] });
    expect(verdict.seen).toMatch(/\{jwtt\} stands for nothing here: .*jwt, user; tried once/);
  });
});

describe('a flow that waits', () => {
  const sync = (within: number, until: unknown = { json: { status: 'fresh' } }): Check => ({
    withinMs: within,
    flow: [
      { http: 'POST /sync', expect: 202, save: { job: 'id' } },
      { http: '/status', until },
    ],
    finally: [{ http: 'DELETE /jobs/{job}', expect: 204 }],
  });
  /** Becomes fresh at the third look. */
  async function syncing() {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.method === 'POST') return void response.writeHead(202).end('{"id":"job-17"}');
      if (request.method === 'DELETE') return void response.writeHead(204).end();
      const looks = asked.filter((line) => line === 'GET /status').length;
      response.end(JSON.stringify({ status: looks < 3 ? 'stale' : 'fresh' }));
    });
    return { url, asked };
  }

  it('asks one step until stale has become fresh, and does no other again', async () => {
    const { url, asked } = await syncing();
    const verdict = await run(url, sync(20_000));
    expect(verdict.ok).toBe(true);
    expect(verdict.expected).toBe('POST /sync: 202; then /status: 2xx, status is "fresh"');
    expect(verdict.seen).toMatch(/step 2: \/status: 200 in .*; passed at try 3, after/);
    expect(asked.filter((line) => line !== 'GET /status')).toEqual(['POST /sync', 'DELETE /jobs/job-17']);
  });

  it('says what it was all the time, when the time is over, and begins nothing anew', async () => {
    const { url, asked } = await syncing();
    const verdict = await run(url, sync(1500, { json: { status: 'done' } }));
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(/^step 2: \/status: 200 in .*status is "(stale|fresh)".*tried \d times/);
    expect(asked.filter((line) => line !== 'GET /status')).toEqual(['POST /sync', 'DELETE /jobs/job-17']);
  });

  it('lists what it made, and whether that was removed', async () => {
    const { url } = await syncing();
    expect((await run(url, sync(20_000))).seen).toMatch(/; made by POST \/sync: job "job-17", removed$/);
    const { finally: _, ...kept } = sync(20_000);
    expect((await run(url, kept)).seen).toMatch(/; made by POST \/sync: job "job-17", left there$/);
  });

  it('lists what each of its tries made', async () => {
    let made = 0;
    const url = await serve((request, response) => {
      if (request.method !== 'POST') return void response.writeHead(made < 2 ? 500 : 200).end();
      response.writeHead(201).end(JSON.stringify({ id: (made += 1) }));
    });
    const flow = [{ http: 'POST /leads', expect: 201, save: { lead: 'id' } }, { http: '/leads' }];
    const verdict = await run(url, { withinMs: 20_000, flow });
    expect(verdict.seen).toMatch(/made by POST \/leads: lead 1, left there; made by POST \/leads: lead 2, left there$/);
  });

  it('is refused where asking again would change something', async () => {
    const { url, asked } = await syncing();
    const verdict = await run(url, { withinMs: 5000, flow: [{ http: 'POST /sync', until: 200 }] });
    expect(verdict.seen).toMatch(/POST \/sync: until asks again and again, which must not be done: ask with GET/);
    expect(asked).toEqual([]);
  });
});

describe('a flow with a token against forged requests', () => {
  /** As Django: the cookie comes with a page; a change needs it in a header, too, and the public host as its origin. */
  const guarded = (cookie: string) =>
    serve((request, response) => {
      if (request.method === 'GET') return void response.writeHead(200, { 'set-cookie': `csrftoken=${cookie}` }).end();
      const { origin, referer, 'x-csrftoken': token, cookie: sent } = request.headers;
      const right = origin === 'https://shop.example.com' && referer === 'https://shop.example.com/';
      const whole = token === 'a token=/1' && sent === `csrftoken=${cookie}`;
      response.writeHead(right && whole ? 204 : 403).end(`token ${token}`);
    });
  const flow = [{ http: '/login' }, { http: 'POST /login', expect: 204 }];
  const csrf = { cookie: 'csrftoken', header: 'X-CSRFToken' };

  it('sends it back, from the public host', async () => {
    expect(await run(await guarded('a%20token%3D%2F1'), { flow, csrf, withinMs: 20_000 })).toMatchObject({ ok: true });
  });

  it('is refused without it, and shows none', async () => {
    const url = await guarded('another-token-1');
    expect((await run(url, { flow, withinMs: 1000 })).seen).toMatch(/^step 2: POST \/login: 403/);
    const verdict = await run(url, { flow, csrf, withinMs: 1000 });
    expect(verdict.seen).toMatch(/^step 2: POST \/login: 403.*\[redacted\]/);
    expect(verdict.seen).not.toContain('another-token-1');
  });
});

describe('a cookie jar', () => {
  it('keeps cookies by host and path until they expire', () => {
    const jar = new CookieJar();
    const at = (path: string) => new URL(path, 'http://a.example');
    jar.keep(at('/'), [
      'a=1; Path=/',
      'b=x=2; path=/admin; Secure',
      'bad',
      'c=3; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    ]);
    expect(jar.header(at('/x'))).toBe('a=1');
    expect(jar.header(at('/admin/y'))).toBe('a=1; b=x=2');
    expect(jar.header(at('/administrator'))).toBe('a=1');
    expect(jar.header(new URL('http://b.example/'))).toBeUndefined();
    jar.keep(at('/'), ['a=; Max-Age=0']);
    expect(jar.header(at('/'))).toBeUndefined();
  });
});
