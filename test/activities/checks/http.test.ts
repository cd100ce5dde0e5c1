import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runHttpCheck } from '../../../src/activities/checks/http.js';
import type { Check } from '../../../src/model.js';
import { bodyOf, contextWith, serve, serveJson, temporaryFolder } from './support.js';

const version = { metadata: { version: '1.4.2', buildDate: '2026-11-20T10:00:00Z' }, status: 'ok', items: [{ id: 1 }] };
const text =
  (body: string, headers: Record<string, string> = {}, status = 200) =>
  (_: unknown, response: ServerResponse) =>
    void response.writeHead(status, headers).end(body);

async function run(baseUrl: string, check: Check, variables: Record<string, string> = {}) {
  return runHttpCheck({ http: '/x', withinMs: 400, ...check }, contextWith({ baseUrl, variables }));
}

describe('an http check', () => {
  it.each<[string, unknown]>([
    ['a bare status', 200],
    ['a class of statuses', '2xx'],
    ['a list of statuses', [200, 204]],
    ['nothing but success', undefined],
    ['a value by path', { json: { 'metadata.version': '{version}' } }],
    [
      'matchers by path',
      { status: 200, json: { 'metadata.buildDate': { type: 'date' }, items: { longer: 0 }, nope: { present: false } } },
    ],
    ['the whole body', { json: { '.': { type: 'object' } } }],
    ['a part of the text', { text: '"status":"ok"' }],
    ['a content type', { content_type: 'application/json' }],
    ['a header', { header: { 'Content-Type': { matches: '^application/' } } }],
    ['a time', { time: { under: '10s' } }],
  ])('passes with %s', async (_, expected) => {
    const verdict = await run(await serveJson(version), { expect: expected });
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.seen).toMatch(/^200 in \d+/);
  });

  it.each<[string, unknown, RegExp]>([
    ['another status', 204, /^200 in .*the answer is \{"metadata".*tried \d+ times in \d+/],
    ['another value', { json: { 'metadata.version': '9' } }, /^200 in .*; metadata\.version is "1\.4\.2"; tried/],
    [
      'a path into nothing',
      { json: { 'metadata.gitSha': '{sha}' } },
      /nothing at metadata\.gitSha; metadata has keys version, buildDate/,
    ],
    [
      'two things at once',
      { status: 201, json: { status: 'ready' }, content_type: 'text/csv' },
      /status is "ok"; content type is application\/json/,
    ],
    ['another text', { text: 'pong' }, /the text is not as expected; the answer is/],
    ['a missing header', { header: { 'x-request-id': { present: true } } }, /header x-request-id is not there/],
    ['a time that is too short', { time: { under: 0 } }, /time is \d+ ms/],
  ])('says what it saw instead of %s', async (_, expected, seen) => {
    const verdict = await run(await serveJson(version), { expect: expected });
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(seen);
  });

  it.each<[string, Check, RegExp]>([
    ['an unknown word', { expect: { jsn: {} } }, /cannot expect jsn: there are status, json/],
    ['an impossible status', { expect: 20 }, /20 is no status/],
    ['an unknown fact', { http: '/{verison}' }, /\{verison\} stands for nothing/],
    ['an unknown variable', { bearer: '$NOWHERE' }, /\$NOWHERE is not in/],
    ['what is no request', { http: 'FETCH /x' }, /"FETCH \/x" is no request/],
    ['a header with a line break', { headers: { 'x-a': 'a\nb' } }, /the header x-a would hold a line break/],
  ])('refuses %s at once', async (_, check, message) => {
    await expect(run('http://127.0.0.1:9', check)).rejects.toThrow(message);
  });

  it('waits for a server that comes up late, and says how often it asked', async () => {
    let asked = 0;
    const url = await serve((request, response) => text('{}', {}, (asked += 1) < 3 ? 503 : 200)(request, response));
    const verdict = await run(url, { withinMs: 5000 });
    expect(verdict.ok).toBe(true);
    expect(verdict.seen).toMatch(/^200 in .*passed at try 3, after \d+ ms$/);
  });

  it('waits as long as Retry-After says', async () => {
    const times: number[] = [];
    const url = await serve((request, response) => {
      times.push(performance.now());
      text('', times.length === 1 ? { 'retry-after': '1' } : {}, times.length === 1 ? 429 : 200)(request, response);
    });
    expect((await run(url, { withinMs: 5000 })).ok).toBe(true);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950);
  });

  it('gives up at once when Retry-After is beyond its deadline', async () => {
    const start = performance.now();
    const verdict = await run(await serve(text('', { 'retry-after': '60' }, 429)), { withinMs: 5000 });
    expect(verdict.seen).toMatch(/^429 in .*it asks to wait 60 s, which is more than the .* left of 5 s; tried once/);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it.each<[string, Check]>([
    ['POST', { http: 'POST /x' }],
    ['a GET that changes something', { http: '/x', changes: true }],
  ])('asks %s once, whatever comes', async (_, check) => {
    let asked = 0;
    const url = await serve((request, response) => text('', {}, ((asked += 1), 500))(request, response));
    const verdict = await run(url, { ...check, withinMs: 2000 });
    expect([verdict.ok, asked]).toEqual([false, 1]);
    expect(verdict.seen).toContain('asked once, since asking again could change something twice');
  });

  it('tries again a request that hangs', async () => {
    let asked = 0;
    const url = await serve((request, response) => ((asked += 1) === 1 ? undefined : text('{}')(request, response)));
    expect(await run(url, { withinMs: 1800 })).toMatchObject({ ok: true });
  });

  it('says that an answer did not come or did not end', async () => {
    expect((await run(await serve(() => undefined), {})).seen).toMatch(/^no answer within 400 ms; tried once/);
    const drip = await serve((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect((await run(drip, {})).seen).toMatch(/^200, but the answer did not end within 400 ms/);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['with a length', (response) => void response.writeHead(200, { 'content-length': 10e6 }).end(Buffer.alloc(10e6))],
    ['without a length', (response) => void response.writeHead(200).end(Buffer.alloc(10e6))],
    [
      'compressed',
      (response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10e6))),
    ],
  ])('stops reading a large answer %s', async (_, answer) => {
    const start = performance.now();
    const verdict = await run(await serve((__, response) => answer(response)), { withinMs: 20_000, expect: 200 });
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict.seen).toMatch(/^200, but the answer is larger than 1 MiB: ask for less; tried once/);
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it('reads a compressed answer that nobody asked for', async () => {
    const url = await serve(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"a":1}')),
    );
    expect(await run(url, { expect: { json: { a: 1 } } })).toMatchObject({ ok: true });
  });

  it('does not follow a redirect, and can expect one', async () => {
    let followed = false;
    const url = await serve((request, response) => {
      if (request.url === '/login') followed = true;
      text('', { location: '/login' }, 302)(request, response);
    });
    expect((await run(url, { expect: 200 })).seen).toMatch(/^302 to \/login \(redirects are not followed\)/);
    expect(await run(url, { expect: { status: 302, header: { location: '/login' } } })).toMatchObject({ ok: true });
    expect(followed).toBe(false);
  });

  it('calls an HTML page with status 200 what it is', async () => {
    const url = await serve(text('<!doctype html><title>Sign in</title>', { 'content-type': 'text/html' }));
    expect((await run(url, { expect: { json: { a: 1, b: 2 } } })).seen).toMatch(
      /^200 in [^;]*; an HTML page titled "Sign in" came where JSON was expected; tried/,
    );
    expect((await run(await serve(text('')), { expect: { json: { a: 1 } } })).seen).toContain(
      'the answer is empty where JSON was expected',
    );
    expect((await run(await serve(text('{"a":')), { expect: { json: { a: 1 } } })).seen).toContain(
      'the answer is no JSON; the answer begins',
    );
  });

  it('looks at the first line of a CSV answer', async () => {
    const url = await serve(text('id,name\r\n1,x\n'));
    expect(await run(url, { expect: { csv: 'id,name' } })).toMatchObject({ ok: true });
    expect((await run(url, { expect: { csv: { matches: '^name' } } })).seen).toContain('first line is "id,name"');
  });

  it('uses a connection of its own for each try', async () => {
    const sockets = new Set<Socket>();
    const headers: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      sockets.add(request.socket);
      headers.push(request.headers.connection);
      text('', {}, headers.length < 3 ? 500 : 200)(request, response);
    });
    expect(await run(url, { withinMs: 5000 })).toMatchObject({ ok: true });
    expect([sockets.size, headers]).toEqual([3, ['close', 'close', 'close']]);
  });

  it('sends what the definition says, and shows no secret of it', async () => {
    const seen: Record<string, unknown>[] = [];
    const url = await serve((request, response) => {
      void bodyOf(request).then((body) => {
        seen.push({
          method: request.method,
          url: request.url,
          body,
          authorization: request.headers.authorization,
          type: request.headers['content-type'],
          a: request.headers['x-a'],
        });
        text(JSON.stringify({ echo: body, authorization: request.headers.authorization }), {}, 500)(request, response);
      });
    });
    const variables = { API_PASSWORD: 'tr0ub4dor&3-long', USER_NAME: 'ann' };
    const body = { user: '$USER_NAME', password: '$API_PASSWORD', n: [1, true], v: '{version}' };
    const posted = await run(
      url,
      { http: 'POST /v/{version}?q=1', body, basic: ['$USER_NAME', '$API_PASSWORD'], headers: { 'X-A': 'b {sha}' } },
      variables,
    );
    expect(seen[0]).toEqual({
      method: 'POST',
      url: '/v/1.4.2?q=1',
      type: 'application/json',
      a: 'b 0123456789abcdef0123456789abcdef01234567',
      body: '{"user":"ann","password":"tr0ub4dor&3-long","n":[1,true],"v":"1.4.2"}',
      authorization: `Basic ${Buffer.from('ann:tr0ub4dor&3-long').toString('base64')}`,
    });
    expect(posted.expected).toBe('POST /v/1.4.2?q=1: 2xx');
    await run(url, { http: 'PUT /x', body: 'a=$USER_NAME', bearer: '$API_PASSWORD' }, variables);
    expect(seen[1]).toMatchObject({
      method: 'PUT',
      body: 'a=ann',
      type: undefined,
      authorization: 'Bearer tr0ub4dor&3-long',
    });
    expect(posted.seen).toContain('[redacted]');
    expect(JSON.stringify(posted)).not.toMatch(/tr0ub4dor|YW5uOnRy/);
  });

  it('keeps what it saw to one line of 500 characters', async () => {
    const verdict = await run(await serve(text(`a\n\u001b[31mb ${'x'.repeat(9000)}`, {}, 500)), {});
    expect(verdict.seen.length).toBeLessThanOrEqual(500);

    expect(verdict.seen).not.toMatch(/[\u0000-\u001f]/);
  });

  it('says that nothing listens, that a name is unknown, that the other side hangs up or speaks another language', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect((await run(`http://127.0.0.1:${port}`, {})).seen).toMatch(
      new RegExp(`^nothing listens at 127.0.0.1:${port} \\(connection refused\\); tried \\d+ times`),
    );
    expect((await run(`http://localhost:${port}`, { withinMs: 2000 })).seen).toMatch(/^nothing listens at localhost/);
    expect((await run('http://no-such-host.invalid', { withinMs: 3000 })).seen).toMatch(
      /^the name no-such-host\.invalid (does not exist|cannot be looked up)/,
    );
    expect((await run(await serve((request) => request.socket.destroy()), {})).seen).toMatch(
      /closed the connection before its answer was whole/,
    );
    const ssh = createTcpServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n')).listen(
      0,
      '127.0.0.1',
    );
    onTestFinished(() => void ssh.close());
    await new Promise((resolve) => ssh.once('listening', resolve));
    expect((await run(`http://127.0.0.1:${(ssh.address() as AddressInfo).port}`, {})).seen).toMatch(
      /does not answer in HTTP/,
    );
    expect((await run((await serveJson({})).replace('http:', 'https:'), {})).seen).toMatch(/does not speak TLS there/);
  });

  it('refuses a certificate that nobody vouches for, even where the environment would allow it', async () => {
    const folder = temporaryFolder();
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    );
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, text('{}')).listen(
      0,
      '127.0.0.1',
    );
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    onTestFinished(() => void delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
    expect((await run(`https://localhost:${(server.address() as AddressInfo).port}`, {})).seen).toMatch(
      /^TLS is refused: the certificate is self-signed/,
    );
  });

  it('ends at once when the run is cancelled', async () => {
    const cancel = new AbortController();
    const url = await serve(() => cancel.abort());
    const verdict = await runHttpCheck(
      { http: '/x', withinMs: 20_000 },
      contextWith({ baseUrl: url, more: { signal: cancel.signal } }),
    );
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict.seen).toContain('the run was cancelled');
  });
});
