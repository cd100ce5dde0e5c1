import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ServerOptions } from 'node:https';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { runHttpCheck } from '../../../src/activities/checks/http.js';
import { runTlsCheck } from '../../../src/activities/checks/tls.js';
import type { Check } from '../../../src/model.js';
import { contextWith, makeCertificates, serve, serveTls, temporaryFolder } from './support.js';

const certificates = makeCertificates();
const stranger = makeCertificates();
const { ca } = certificates;
const good = certificates.issue('shop.example.com');
afterAll(() => [certificates, stranger].forEach(({ folder }) => rmSync(folder, { recursive: true })));

const at = (port: number) => `127.0.0.1:${port}`;
const run = (port: number, check: Check = {}) =>
  runTlsCheck({ tls: 'shop.example.com:443', ca, address: at(port), withinMs: 2000, ...check }, contextWith());

describe('a tls check', () => {
  it('is content with a chain that its own authority vouches for, and says how long it lasts', async () => {
    const verdict = await run(await serveTls(good), { expect: { trusted: true, days_left: { over: 14 } } });
    expect(verdict).toMatchObject({
      ok: true,
      expected: 'TLS of shop.example.com:443: trusted, for that name, days left over 14',
    });
    expect(verdict.seen).toMatch(/^TLSv1\.3, certificate for DNS:shop\.example\.com, (19|20) days left$/);
  });

  it.each<[string, ServerOptions, RegExp]>([
    [
      'an expired certificate',
      certificates.issue('shop.example.com', { days: -2 }),
      /^TLS is refused: the certificate has expired/,
    ],
    [
      'a certificate for another name',
      certificates.issue('other.example.com'),
      /the certificate is for another name, not for shop\.example\.com/,
    ],
    [
      'one that signed itself',
      certificates.issue('shop.example.com', { self: true }),
      /the certificate is self-signed/,
    ],
    ['the chain of a stranger', stranger.issue('shop.example.com'), /is not trusted by this host/],
    [
      'a server of TLS 1.1 alone',
      { ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
      /speaks only TLS older than 1\.2/,
    ],
  ])('refuses %s, as an http check does', async (_, options, seen) => {
    const port = await serveTls(options);
    const verdict = await run(port);
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(seen);
    const asked = await runHttpCheck(
      { http: 'https://shop.example.com/', ca, address: at(port), withinMs: 1500 },
      contextWith(),
    );
    expect(asked).toMatchObject({ ok: false });
    expect(asked.seen).toMatch(/^TLS is refused/);
  });

  it('refuses, sixth of the wrong set-ups, a site that answers over HTTP instead of sending to HTTPS', async () => {
    const sent = { status: [301, 308], header: { location: { matches: '^https://shop[.]example[.]com/' } } };
    const check = (listener: RequestListener) =>
      serve(listener).then((url) =>
        runHttpCheck(
          { http: 'http://shop.example.com/', address: new URL(url).host, expect: sent, withinMs: 1000 },
          contextWith(),
        ),
      );
    const wrong = await check((_, response) => void response.end('<!doctype html><title>Shop</title>'));
    expect(wrong).toMatchObject({ ok: false });
    expect(wrong.seen).toMatch(/^200 in .*header location is not there/);
    const elsewhere = { location: 'https://shop.example.com.evil.test/' };
    expect(await check((_, response) => void response.writeHead(301, elsewhere).end())).toMatchObject({ ok: false });
    const right = { location: 'https://shop.example.com/' };
    expect(await check((_, response) => void response.writeHead(301, right).end())).toMatchObject({ ok: true });
  });

  it('refuses what has too few days left, what is trusted where it should not be, and what speaks no TLS', async () => {
    const port = await serveTls(good);
    expect((await run(port, { expect: { days_left: { over: 30 } } })).seen).toMatch(/^days left is (19|20);/);
    expect(await run(port, { expect: { trusted: false } })).toMatchObject({ ok: false });
    expect(await run(await serveTls(stranger.issue('x.example')), { expect: { trusted: false } })).toMatchObject({
      ok: true,
    });
    const plain = Number(new URL(await serve((_, response) => void response.end())).port);
    expect((await run(plain, { withinMs: 400 })).seen).toMatch(/does not speak TLS there/);
  });

  it('waits no longer than its deadline for a server that says nothing', async () => {
    const mute = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void mute.close());
    await new Promise((resolve) => mute.once('listening', resolve));
    const start = performance.now();
    expect((await run((mute.address() as AddressInfo).port, { withinMs: 500 })).seen).toMatch(/no handshake within/);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it.each<[string, Check, RegExp]>([
    ['an unknown word', { expect: { day_left: 1 } }, /cannot expect day_left/],
    ['what has no certificate', { tls: 'http://shop.example.com' }, /has no certificate: write an https URL/],
    ['an authority that is not there', { ca: 'none.crt' }, /none\.crt cannot be read \(ENOENT\)/],
    ['an authority that is none', { ca: '.env' }, /\.env holds no certificate/],
    ['a port that is none', { address: '127.0.0.1:70000' }, /is no address: write host:port/],
  ])('refuses %s at once', async (_, check, message) => {
    await expect(run(9, check)).rejects.toThrow(message);
  });
});

describe('address and ca of an http check', () => {
  it('connect elsewhere, while name, certificate and Host stay those of the URL', async () => {
    const seen: unknown[] = [];
    const port = await serveTls(
      { ...good, SNICallback: (name, done) => (seen.push(name), done(null)) },
      (request, response) => {
        seen.push(request.headers.host);
        response.end('{}');
      },
    );
    const verdict = await runHttpCheck(
      { http: 'https://shop.example.com:8443/x', ca, address: at(port) },
      contextWith(),
    );
    expect(verdict).toMatchObject({ ok: true });
    expect(seen).toEqual(['shop.example.com', 'shop.example.com:8443']);
  });

  it('take a file with several authorities, relative to the directory', async () => {
    const context = contextWith({ definition: { directory: temporaryFolder() } });
    const both = [stranger.ca, ca].map((path) => readFileSync(path, 'utf8')).join('\n');
    writeFileSync(join(context.definition.directory, 'both.crt'), both);
    const check = { http: 'https://shop.example.com/', ca: 'both.crt', address: at(await serveTls(good)) };
    expect(await runHttpCheck(check, context)).toMatchObject({ ok: true });
  });
});
