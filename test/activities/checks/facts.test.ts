import { describe, expect, it } from 'vitest';
import { fill, fillPattern } from '../../../src/activities/checks/facts.js';
import { fillArgument, fillText } from '../../../src/activities/checks/values.js';
import { contextWith, facts } from './support.js';

describe('facts', () => {
  it('fills each fact inside one text', () => {
    expect(fill('{url}/v/{version}@{sha} {domain} {date} {timestamp} {run}', facts)).toBe(
      `https://shop.example.com/v/1.4.2@${facts.sha} shop.example.com 2026-11-21 20261121T114252Z 20261121T114252Z-1a2b3c`,
    );
  });

  it.each(['{{.Id}}', '{"beds": 2}', 'a{3}', '{}', '${version'])(
    'leaves braces alone that name nothing: %s',
    (text) => {
      expect(fill(text, facts)).toBe(text);
    },
  );

  it('refuses a name that stands for nothing, and says which there are', () => {
    expect(() => fill('/v/{verison}', facts)).toThrow(/\{verison\} stands for nothing here.*version, sha, url/);
    expect(() => fill('{constructor}', facts)).toThrow(/stands for nothing/);
  });

  it.each([
    ['version', '-rf'],
    ['version', '1.0; rm -rf /'],
    ['version', '1.0\n2'],
    ['version', ''],
    ['sha', 'HEAD'],
    ['url', "https://x/' OR 1"],
    ['url', 'file:///etc/passwd'],
    ['domain', 'a b'],
    ['date', '21.11.2026'],
    ['timestamp', 'now'],
    ['run', '../x'],
  ])('refuses a %s that looks like %j', (name, value) => {
    expect(() => fill(`{${name}}`, { ...facts, [name]: value })).toThrow(new RegExp(`no ${name} may look like`));
  });

  it('lets a fact stand for itself in a pattern', () => {
    expect(fillPattern('^v{version}$|a{2}', facts)).toBe('^v1\\.4\\.2$|a{2}');
  });

  it('does not read again what it has filled in', () => {
    const context = contextWith({ variables: { GREETING: 'hi {version} $OTHER', OTHER: 'x' } });
    expect(fillText('$GREETING/{version}/$1/$body', context)).toBe('hi {version} $OTHER/1.4.2/$1/$body');
  });

  it('refuses a secret as an argument of a command, and a variable that is not there', () => {
    const context = contextWith({ variables: { DB_PASSWORD: 'hunter2hunter2', PORT: '8100' } });
    expect(fillArgument('--port=${PORT}', context)).toBe('--port=8100');
    expect(() => fillArgument('--password=$DB_PASSWORD', context)).toThrow(
      /\$DB_PASSWORD is a secret and must not be an argument/,
    );
    expect(() => fillArgument('$NOWHERE', context)).toThrow(/\$NOWHERE is not in .*\.env: add it there/);
  });
});
