import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChecks } from '../../../src/activities/checks/run-checks.js';
import type { Check } from '../../../src/model.js';
import { contextWith } from './support.js';

const dev = { search: 'DEV_|5174', paths: ['docs', 'scripts/run.sh'] };

/** A checkout with these files; what the check found in it. */
async function search(files: Record<string, string>, options: Check = {}) {
  const context = contextWith({ variables: { SMOKE_PASSWORD: 'smoke-password-1' } });
  for (const [name, text] of Object.entries({ 'scripts/run.sh': 'PORT=8100\n', 'docs/a.md': 'nothing\n', ...files })) {
    const path = join(context.definition.directory, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  }
  symlinkSync('/etc', join(context.definition.directory, 'docs/elsewhere'));
  const [result] = await runChecks({ alignment: { ...dev, ...options } }, context);
  return result!;
}

describe('a search', () => {
  it('passes without a hit, and says how much it looked at', async () => {
    const found = await search({ 'docs/node_modules/x.js': 'DEV_', 'docs/picture.bin': 'DEV_\0' });
    expect(found).toMatchObject({ outcome: 'pass', seen: '2 files searched; 0 reviewed hits' });
  });

  it('passes with reviewed hits alone, wherever in the file they have moved, as grep or rg wrote them', async () => {
    const baseline = ['docs/a.md:  use DEV_MODE', 'scripts/run.sh: PORT=5174'];
    const files = { 'docs/a.md': 'one\n\n   use DEV_MODE\n', 'scripts/run.sh': 'PORT=5174' };
    expect(await search(files, { baseline })).toMatchObject({
      outcome: 'pass',
      seen: '2 files searched; 2 reviewed hits',
    });
  });

  it('puts new hits to a person, with their places and without a secret', async () => {
    const files = { 'docs/a.md': 'fine\nuse DEV_MODE with smoke-password-1\nuse DEV_X\n' };
    const found = await search(files, { baseline: ['docs/a.md: use DEV_X'], role: 'developer' });
    expect(found).toMatchObject({
      outcome: 'skip',
      expected: 'no hit of /DEV_|5174/ in docs, scripts/run.sh that nobody has reviewed',
      seen: '1 new hits: docs/a.md:2: use DEV_MODE with [redacted]',
      ask: { role: 'developer', text: expect.stringContaining('docs/a.md:2: use DEV_MODE with [redacted]') as string },
    });
  });

  it('ends a pattern that backtracks for ever, while the worker goes on', async () => {
    let beats = 0;
    const beating = setInterval(() => (beats += 1), 50);
    const found = await search({ 'docs/b.md': `${'a'.repeat(40)}!` }, { search: '^(a+)+$', withinMs: 1000 });
    clearInterval(beating);
    expect(found.outcome).toBe('fail');
    expect(found.seen).toMatch(/^it was still searching docs\/b\.md after 1 s: remove nested repeats/);
    expect(beats).toBeGreaterThan(5);
  });

  it.each<[string, Record<string, string>, Check, RegExp]>([
    ['a path that is not there', {}, { paths: ['nowhere'] }, /^the search ended at the beginning: ENOENT.*nowhere/],
    [
      'too many hits',
      { 'docs/b.md': 'DEV_\n'.repeat(5001) },
      {},
      /^the search ended at docs\/b\.md: there are more than 5000/,
    ],
  ])('fails for %s', async (_, files, options, seen) => {
    const found = await search(files, options);
    expect(found.outcome).toBe('fail');
    expect(found.seen).toMatch(seen);
  });

  it('names the files that are too large to look at', async () => {
    const found = await search({ 'docs/large.txt': 'x'.repeat(5 * 1024 * 1024 + 1) });
    expect(found.seen).toBe('2 files searched, not in docs/large.txt, larger than 5 MiB; 0 reviewed hits');
  });
});
