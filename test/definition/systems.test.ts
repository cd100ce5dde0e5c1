import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { jsonSchemas } from '../../src/definition/json-schema.js';
import { listEnvironments, loadDefinition, validateFile } from '../../src/definition/load.js';
import { unbuilt } from '../../src/definition/unbuilt.js';
import { inSystems, shop } from './fixture.js';

const files = readdirSync('systems').filter((name) => name.endsWith('.yaml'));

describe('the definitions of the five runbooks', () => {
  it('are all there', () => {
    expect(files).toEqual([
      'cleaning.yaml',
      'dod-dashboard.yaml',
      'selenite.yaml',
      'smart-accounting.yaml',
      'student-management.yaml',
    ]);
  });

  it.each(files)('%s has no error, and everybody it asks is in people.yaml', async (name) => {
    const { errors, warnings } = await validateFile(`systems/${name}`);
    expect(errors).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('backup.copy_to is not set')]);
  });

  it('load, each environment of each', async () => {
    const { environments, errors } = await listEnvironments('systems');
    expect(errors).toEqual([]);
    for (const environment of Object.keys(environments)) {
      const definition = await loadDefinition('systems', environment);
      expect(definition.environment).toBe(environment);
      for (const phase of ['preflight', 'verify'] as const) {
        for (const check of Object.keys(definition[phase]))
          expect(definition.positions[`${phase}.${check}`]).toMatch(/^systems\/[a-z-]+\.yaml:\d+$/);
      }
    }
  });
});

describe('the JSON Schemas', () => {
  it.each(Object.keys(jsonSchemas()))('%s is what `npx tsx scripts/write-schema.ts` would write', (name) => {
    expect(
      readFileSync(`schema/${name}`, 'utf8') === jsonSchemas()[name],
      `schema/${name} is older than the zod schema`,
    ).toBe(true);
  });

  it('say what every key is for', () => {
    const silent: string[] = [];
    const visit = (schema: Record<string, unknown>, path: string): void => {
      for (const [key, value] of Object.entries((schema.properties ?? {}) as Record<string, Record<string, unknown>>)) {
        if (!value.description && !value.$ref) silent.push(`${path}.${key}`);
        visit(value, `${path}.${key}`);
      }
      for (const branch of [...((schema.anyOf ?? []) as object[]), schema.additionalProperties]) {
        if (branch && typeof branch === 'object') visit(branch as Record<string, unknown>, path);
      }
    };
    for (const text of Object.values(jsonSchemas())) {
      const schema = JSON.parse(text) as Record<string, unknown>;
      visit(schema, '');
      for (const [id, part] of Object.entries((schema.definitions ?? {}) as Record<string, Record<string, unknown>>))
        visit(part, id);
    }
    expect(silent).toEqual([]);
  });
});

describe('unbuilt', () => {
  const of = (text: string) =>
    inSystems({ 'shop.yaml': text }, async (dir) => unbuilt(await loadDefinition(dir, 'shop/production')));

  it('has nothing to say of host processes, Git, sequelize and PostgreSQL', async () => {
    expect(await of(shop)).toEqual([]);
  });

  it('names each part that cannot be run, with its place', async () => {
    const lines = await of(shop + 'files: { keep: [storage] }\nnotify: { webhook: $HOOK }\n');
    expect(lines).toEqual(['notify (systems/shop.yaml:25)']);
  });

  it('has nothing to say of what an application migrates itself, inside a service of compose', async () => {
    const definition = await loadDefinition('systems', 'smart-accounting/production');
    expect(unbuilt(definition).filter((line) => line.includes('migrations'))).toEqual([]);
  });
});
