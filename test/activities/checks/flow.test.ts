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
