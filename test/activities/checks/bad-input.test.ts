import { afterAll, describe, expect, it } from 'vitest';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChecks } from '../../../src/activities/checks/run-checks.js';
import type { Check } from '../../../src/model.js';
import { contextWith, makeCertificates, serve, serveTls } from './support.js';

const certificates = makeCertificates();
afterAll(() => rmSync(certificates.folder, { recursive: true }));

/** What is wrong, the check, and the beginning of what is said of it. `{tls}` is the port of a server with a certificate for another name. */
const bad: Record<string, [check: Check, seen: RegExp]> = {
  typo: [{ http: '/{verison}' }, /^\{verison\} stands for nothing here: correct it to one of version, sha/],
  word: [{ http: '/ok', expect: { jsno: { a: 1 } } }, /jsno/],
  impossible: [{ http: '/ok', expect: { json: { a: { over: 5, under: 3 } } } }, /^nothing is over 5 and under 3/],
  path: [{ http: '/ok', expect: { json: { 'a.b.c': 1 } } }, /nothing at a\.b\.c/],
  variable: [
    { http: '/ok', headers: { 'x-key': '$NOWHERE' } },
    /^\$NOWHERE is not in .*add it there, or correct the name/,
  ],
  large: [{ http: '/large', withinMs: 20_000 }, /^200, but the answer is larger than 1 MiB: ask for less/],
  endless: [{ http: '/endless' }, /^200, but the answer did not end within/],
  loop: [{ http: '/loop', expect: 200 }, /^302 to \/loop \(redirects are not followed\)/],
  certificate: [{ http: 'https://127.0.0.1:{tls}/', ca: certificates.ca }, /the certificate is for another name/],
  html: [
    { http: '/html', expect: { json: { status: 'ok' } } },
    /an HTML page titled "502 Bad Gateway" came where JSON was expected/,
  ],
  pattern: [
    { http: '/aaa', expect: { text: { matches: '^(a+)+$' } } },
    /still searching after 250 ms; remove nested repeats/,
  ],
  output: [
    { command: ['printf', `${'a'.repeat(60)}!`], expect: { stdout: { matches: '^(a+)+$' } } },
    /still searching after 250 ms; remove nested repeats/,
  ],
  contents: [{ file: 'aaa.txt', expect: { contains: { matches: '^(a+)+$' } } }, /still searching after 250 ms/],
};

describe('bad input of checks', () => {
  it('ends each in one clear line, all at once, and hinders no other', async () => {
    let looped = 0;
    const url = await serve((request, response) => {
      if (request.url === '/large') return void response.writeHead(200).end(Buffer.alloc(10e6));
      if (request.url === '/loop')
        return void response.writeHead(302, { location: '/loop' }).end(String((looped += 1)));
      if (request.url === '/html') return void response.end('<html><title>502 Bad Gateway</title></html>');
      if (request.url === '/aaa') return void response.end(`${'a'.repeat(60)}!`);
      if (request.url !== '/endless') return void response.end('{"a":1}');
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const port = await serveTls(certificates.issue('other.example.com'));
    const context = contextWith({ baseUrl: url });
    writeFileSync(join(context.definition.directory, 'aaa.txt'), `${'a'.repeat(60)}!`);
    const checks = Object.fromEntries(
      Object.entries(bad).map(([name, [check]]) => [
        name,
        { withinMs: 8000, ...check, ...(check.http ? { http: check.http.replace('{tls}', String(port)) } : {}) },
      ]),
    );
    const start = performance.now();
    const results = await runChecks(
      { ...checks, fine: { http: '/ok', withinMs: 20_000, expect: { json: { a: 1 } } } },
      context,
    );
    expect(performance.now() - start).toBeLessThan(40_000);
    expect(results.pop()).toMatchObject({ name: 'fine', outcome: 'pass' });
    for (const { name, outcome, seen, expected } of results) {
      expect([name, outcome]).toEqual([name, 'fail']);
      expect(seen, name).toMatch(bad[name]![1]);
      expect(`${seen}${expected}`).not.toContain('\n');
      expect(seen.length).toBeLessThanOrEqual(500);
    }
    expect(looped).toBeGreaterThan(0);
  });
});
