import { chmodSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommandCheck } from '../../../src/activities/checks/command.js';
import { runEnvCheck } from '../../../src/activities/checks/env.js';
import { runFileCheck } from '../../../src/activities/checks/file.js';
import type { Check } from '../../../src/model.js';
import { contextWith } from './support.js';

const variables = {
  NODE_ENV: 'production',
  JWT_SECRET: 'q8Zt3kP0-3kP0-long-and-random-0123456789abcdef-x',
  EMPTY: '',
  PORT: '8100',
  DEV_SECRET_KEY: 'please-changeme-now',
};
const node = (code: string, ...rest: string[]) => [process.execPath, '-e', code, '--', ...rest];

describe('a command check', () => {
  const run = (check: Check) => runCommandCheck({ withinMs: 10_000, ...check }, contextWith({ variables }));

  it.each<[string, Check]>([
    ['exit 0', { command: node('console.log("fine")') }],
    ['another exit code', { command: node('process.exit(3)'), expect: { exit: 3 } }],
    [
      'a part of its output',
      { command: node('console.error("a job_complete b")'), expect: { output: 'job_complete' } },
    ],
    [
      'a line of its standard output',
      { command: node('console.log("x\\n0001 (head)")'), expect: { stdout: { matches: '^\\w+ \\(head\\)$' } } },
    ],
    [
      'JSON',
      { command: node('console.log(JSON.stringify({ a: { b: 2 } }))'), expect: { json: { 'a.b': { over: 1 } } } },
    ],
    [
      'facts and plain variables as arguments',
      {
        command: node('console.log(process.argv.slice(1).join())', '{version}', '$PORT'),
        expect: { stdout: '1.4.2,8100' },
      },
    ],
    [
      'secrets in its environment',
      {
        command: node('process.exit(process.env.JWT_SECRET.length - 48 + (process.env.EXTRA === "1.4.2" ? 0 : 1))'),
        env: { EXTRA: '{version}' },
      },
    ],
  ])('passes with %s', async (_, check) => {
    expect(await run(check)).toMatchObject({ ok: true });
  });

  it.each<[string, Check, RegExp]>([
    [
      'the exit code and the last lines',
      { command: node('console.log("one\\ntwo"); console.error("disk full"); process.exit(7)') },
      /^exit 7 in .*; last lines: .*disk full/,
    ],
    ['that it printed nothing', { command: node('process.exit(1)') }, /^exit 1 in .*; it printed nothing$/],
    [
      'that it did not end',
      { command: node('setInterval(() => 0, 1000)'), withinMs: 300 },
      /^it was still running after 300 ms and was ended/,
    ],
    [
      'that its output is another',
      { command: node('console.log("degraded")'), expect: { output: 'healthy' } },
      /^its output is not as expected in .*; last line: degraded/,
    ],
    [
      'that it printed no JSON',
      { command: node('console.log("hm")'), expect: { json: { a: 1 } } },
      /^its standard output is no JSON/,
    ],
    [
      'what the JSON has instead',
      { command: node('console.log("{}")'), expect: { json: { a: 1 } } },
      /^nothing at a; the output is an empty object/,
    ],
    ['that the program is missing', { command: ['no-such-program-x'] }, /no-such-program-x is not on this host's PATH/],
  ])('says %s', async (_, check, seen) => {
    const verdict = await run(check);
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(seen);
    expect(verdict.expected).toContain(check.command?.[0]);
  });

  it('keeps the end of a long output, and no secret', async () => {
    const verdict = await run({
      command: node('console.log("x".repeat(3000) + " " + process.env.JWT_SECRET + " the reason"); process.exit(1)'),
    });
    expect(verdict.seen).toMatch(/\[redacted\] the reason$/);
    expect(verdict.seen.length).toBeLessThanOrEqual(500);
  });

  it('refuses a secret as an argument, and an unknown word', async () => {
    await expect(run({ command: ['psql', '$JWT_SECRET'] })).rejects.toThrow(
      /\$JWT_SECRET is a secret and must not be an argument/,
    );
    await expect(run({ command: ['true'], expect: { exitt: 0 } })).rejects.toThrow(/cannot expect exitt/);
  });
});

describe('an env check', () => {
  const run = (env: Check['env']) => runEnvCheck({ env }, contextWith({ variables }));

  it('tells only lengths of what is there', async () => {
    expect(await run(['NODE_ENV', 'JWT_SECRET'])).toEqual({
      ok: true,
      expected: 'set and not empty: NODE_ENV, JWT_SECRET',
      seen: 'NODE_ENV set, 10 characters; JWT_SECRET set, 48 characters',
    });
  });

  it('names all that are missing or empty', async () => {
    const { ok, seen } = await run(['NODE_ENV', 'EMPTY', 'CORS_ORIGIN']);
    expect(ok).toBe(false);
    expect(seen).toMatch(/^in .*\.env: EMPTY is empty; CORS_ORIGIN is not there$/);
  });

  it.each<[string, unknown, RegExp | true]>([
    ['NODE_ENV', 'production', true],
    ['NODE_ENV', 'staging', /NODE_ENV is "production"$/],
    ['PORT', 8100, true],
    ['PORT', { matches: '^81' }, true],
    ['JWT_SECRET', { longer: 47, not_placeholder: true }, true],
    ['JWT_SECRET', { longer: 64 }, /JWT_SECRET has length 48$/],
    ['JWT_SECRET', 'another', /JWT_SECRET is set, 48 characters, but not as expected$/],
    ['JWT_SECRET', { type: 'url' }, /JWT_SECRET is set, 48 characters, but not as expected$/],
    ['DEV_SECRET_KEY', { not_placeholder: true }, /DEV_SECRET_KEY is a placeholder$/],
    ['GONE', { present: false }, true],
    ['EMPTY', { present: false }, true],
    ['NODE_ENV', { present: false }, /NODE_ENV is "production"$/],
    ['GONE', 'x', /GONE is not there$/],
  ])('%s with %j', async (name, want, seen) => {
    const verdict = await run({ [name]: want });
    expect(verdict.ok).toBe(seen === true);
    if (seen !== true) expect(verdict.seen).toMatch(seen);
    expect(JSON.stringify(verdict)).not.toMatch(/q8Zt|changeme-now/);
  });
});

describe('a file check', () => {
  function run(file: string, expected?: unknown) {
    const context = contextWith({ variables: { WAL_DIR: 'wal' } });
    const at = (name: string) => join(context.definition.directory, name);
    mkdirSync(at('wal/deep'), { recursive: true });
    mkdirSync(at('none'));
    writeFileSync(at('.secret'), 'KEY=1\nHOST=db\n');
    chmodSync(at('.secret'), 0o600);
    writeFileSync(at('wal/deep/2'), '');
    writeFileSync(at('wal/1'), 'x'.repeat(2_000_000));
    const hourAgo = Date.now() / 1000 - 3600;
    utimesSync(at('wal/1'), hourAgo * 1, hourAgo);
    return runFileCheck({ file, ...(expected === undefined ? {} : { expect: expected }) }, context);
  }

  it.each<[string, unknown]>([
    ['.secret', undefined],
    ['.secret', { mode: '0600', size: { over: 0 }, writable: true, age: { under: '1m' } }],
    ['.secret', { contains: 'HOST=db' }],
    ['.secret', { contains: { matches: '^HOST=' } }],
    ['$WAL_DIR', { newest: { under: '30m' } }],
    ['wal/1', { age: { over: '30m' }, size: { under: 3_000_000 } }],
    ['nowhere', { exists: false }],
    ['.secret/below', { exists: false }],
  ])('passes for %s with %j', async (file, expected) => {
    expect(await run(file, expected)).toMatchObject({ ok: true });
  });

  it.each<[string, unknown, RegExp]>([
    ['nowhere', undefined, /^nothing is there$/],
    ['.secret', { exists: false }, /^it is there, 14 bytes, written .* ago, mode 0600$/],
    ['.secret', { mode: '0640', size: { over: 100 } }, /^its size is 14 bytes; its mode is 0600$/],
    ['wal/1', { age: { under: '30m' } }, /^its age is 60 min$/],
    ['wal', { newest: { over: '30m' } }, /^its newest file is \d+ ms old$/],
    ['none', { newest: { under: '1h' } }, /^there is no file in it$/],
    ['.secret', { newest: { under: '1h' } }, /^it is a file: `newest` looks into a folder/],
    ['.secret', { contains: 'PORT=' }, /^its content is not as expected$/],
    ['wal/1', { contains: 'y' }, /^it is larger than 1 MiB \(1\.9 MiB\)/],
  ])('fails for %s with %j', async (file, expected, seen) => {
    const verdict = await run(file, expected);
    expect(verdict.ok).toBe(false);
    expect(verdict.seen).toMatch(seen);
  });

  it('says in words what it expects, and refuses an unknown word', async () => {
    expect((await run('wal', { writable: true, newest: { under: '1h' } })).expected).toMatch(
      /\/wal: writable, newest file under 1h$/,
    );
    await expect(run('wal', { exist: true })).rejects.toThrow(/cannot expect exist: there are exists, writable/);
  });
});
