import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../errors.js';
import type { Check, Definition } from '../model.js';

/**
 * Puts the reviewed hits of `search` checks into the definition, which is pinned with them. They stand in a file beside it, a line each;
 * `#` begins a remark. Throws BadDefinition for a file that is not there.
 */
export async function withBaselines(definition: Definition, dir: string): Promise<Definition> {
  return {
    ...definition,
    preflight: await ofPhase('preflight', definition, dir),
    verify: await ofPhase('verify', definition, dir),
  };
}

async function ofPhase(
  phase: 'preflight' | 'verify',
  definition: Definition,
  dir: string,
): Promise<Record<string, Check>> {
  const checks = Object.entries(definition[phase]).map(async ([name, check]): Promise<[string, Check]> => {
    if (typeof check.baseline !== 'string') return [name, check];
    const path = `${phase}.${name}.baseline`;
    return [name, { ...check, baseline: await read(join(dir, check.baseline), path, definition.positions[path]) }];
  });
  return Object.fromEntries(await Promise.all(checks));
}

async function read(file: string, path: string, place = path): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined)
    throw fail('BadDefinition', `${place}: ${path}: expected a file beside the definition, got none at ${file}: make it, empty to begin with`); // prettier-ignore
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
}
