import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { failureType } from '../../src/errors.js';
import { EnvFile } from '../../src/lib/env-file.js';
import { temporaryFolder } from './support.js';

function read(content: string, declared?: string[]): EnvFile {
  const path = join(temporaryFolder(), 'app.env');
  writeFileSync(path, content);
  return EnvFile.read(path, declared);
}

describe('EnvFile', () => {
  it.each([
    ['JWT_SECRET=abcdefgh', true],
    ['DB_PASSWORD=12345678', true],
    ['API_TOKEN=abcdefgh', true],
    ['SLACK_WEBHOOK=https://hooks.example/T0/B0', true],
    ['DATABASE_URL=postgres://app:hunter2@db/app', true],
    ['DATABASE_URL=postgres://app@db/app', true],
    ['DSN="host=db user=app password=hunter2x"', true],
    ['AUTH_ENABLED=true', false],
    ['TOKEN_HOURS=12', false],
    ['EMPTY_KEY=', false],
    ['PORT=8080', false],
    ['APP_URL=https://shop.example/', false],
    ['APP_URL=https://shop.example/?mail=a@b.example', false],
  ])('%s is secret: %s', (line, isSecret) => {
    const env = read(line);
    const [name = ''] = env.names();
    expect(env.isSecret(name)).toBe(isSecret);
    expect(env.plain(name) === undefined).toBe(isSecret);
  });

  it('takes a declared name for a secret whatever it looks like', () => {
    const env = read('GREETING=good-morning', ['GREETING']);
    expect(env.plain('GREETING')).toBeUndefined();
    expect(env.redactor.redact('good-morning')).toBe('[redacted]');
  });

  it('redacts the whole URL and its password alone, raw and decoded', () => {
    const { redactor } = read('DATABASE_URL=postgres://app:p%40ss%2Fword@db/app');
    expect(redactor.redact('postgres://app:p%40ss%2Fword@db/app')).toBe('[redacted]');
    expect(redactor.redact('p%40ss%2Fword or p@ss/word')).toBe('[redacted] or [redacted]');
    expect(redactor.redact('user app at db')).toBe('user app at db');
  });

  it.each(['pa/ss-word', 'pa#ss-word', 'pa@ss-word', 'pa?ss-word'])(
    'finds the password %s, which makes the URL invalid',
    (password) => {
      expect(read(`DATABASE_URL="postgres://app:${password}@db/app"`).redactor.redact(`FATAL ${password}!`)).toBe(
        'FATAL [redacted]!',
      );
    },
  );

  it('resolves references inside a text, and names a variable that is not there', () => {
    const env = read('A=1\nB_C=two');
    expect(env.value('x-$A-${B_C}y-$B_C.')).toBe('x-1-twoy-two.');
    expect(() => env.value('$A $NOPE')).toThrow(/variable NOPE is not in .*app\.env/);
  });

  it('does not expand what stands inside a value', () => {
    expect(read("A='$B'\nB=x").value('$A')).toBe('$B');
  });

  it('gives every variable to a child, and prints none', () => {
    const env = read('DB_PASSWORD=hunter2hunter2\nPORT=1');
    expect(env.child()).toEqual({ DB_PASSWORD: 'hunter2hunter2', PORT: '1' });
    expect(inspect(env, { depth: 9, showHidden: true }) + JSON.stringify(env)).not.toContain('hunter2');
    expect(env.get('DB_PASSWORD')?.reveal()).toBe('hunter2hunter2');
    expect(env.get('NOPE')).toBeUndefined();
  });

  it('is empty without a file, and refuses one that is missing', () => {
    const none = EnvFile.read(undefined);
    expect([none.names(), none.sha256, none.has('A')]).toEqual([[], '', false]);
    const missing = join(temporaryFolder(), 'missing.env');
    try {
      EnvFile.read(missing);
      expect.unreachable();
    } catch (error) {
      expect(failureType(error)).toBe('Usage');
      expect(String(error)).toContain(missing);
    }
  });

  it('changes its fingerprint with the content', () => {
    expect(read('A=1').sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(read('A=1').sha256).not.toBe(read('A=2').sha256);
  });
});
