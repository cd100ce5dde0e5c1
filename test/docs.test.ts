import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { validateFile } from '../src/definition/load.js';
import { checkKinds } from '../src/definition/check-schema.js';
import { edited, inSystems, shop } from './definition/fixture.js';

it('docs/checks.md shows each kind of check, all without an error', async () => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync('docs/checks.md', 'utf8')) ?? [];
  const text = edited(shop, 'verify:\n  health: { http: /health, expect: 200 }\n', example);
  const files = { 'shop.yaml': text, 'shop.alignment.txt': '' };
  const { errors } = await inSystems(files, (dir) => validateFile(join(dir, 'shop.yaml')));
  expect(errors).toEqual([]);
  const missing = Object.keys(checkKinds).filter((kind) => !new RegExp(`[{ ]${kind}:`).test(example));
  expect(missing).toEqual([]);
});

it('README.md shows a definition without an error', async () => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? [];
  const { errors } = await inSystems({ 'notes.yaml': example }, (dir) => validateFile(join(dir, 'notes.yaml')));
  expect(example).toContain('system: notes');
  expect(errors).toEqual([]);
});
