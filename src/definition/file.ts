import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { explain, unknownKey } from './explain.js';
import { unknownFacts } from './facts.js';
import { merge } from './merge.js';
import { breaches, kindlessChecks, kindlessDatabases, secrets } from './rules.js';
import { environmentKeys, environmentSchema, sections, type EnvironmentInput } from './schema.js';
import { describe, readTree, told, toPlain, type MapTree, type Tree } from './tree.js';

/** `systems/<system>.yaml` as read, its environments not yet merged. */
export interface DefinitionFile {
  system: string;
  tree: MapTree;
  environments: Map<string, MapTree>;
}

/** What one environment says, checked whole. */
export interface CheckedEnvironment {
  tree: MapTree;
  /** Absent where there are errors. */
  input?: EnvironmentInput;
  errors: string[];
}

/** Reads a file as far as system and environments. Messages call it by its folder and name: `systems/shop.yaml`. */
export async function readDefinition(path: string): Promise<{ file?: DefinitionFile; errors: string[] }> {
  const shown = join(basename(dirname(path)), basename(path));
  const { tree, errors } = readTree(await readFile(path, 'utf8'), shown);
  if (!tree) return { errors };
  const known = ['system', 'environments', ...Object.keys(sections)];
  for (const [key, part] of tree.entries) {
    if (key in environmentKeys) errors.push(told(part.key, 'this key inside an environment', `\`${key}\` at the top`));
    else if (!known.includes(key)) errors.push(unknownKey(key, known, tree));
  }
  errors.push(...secrets(tree), ...checkSystem(tree, basename(path, '.yaml')));
  const environments = readEnvironments(tree, errors);
  const system = tree.entries.get('system');
  if (environments.size === 0 || system?.is !== 'scalar') return { errors };
  return { file: { system: String(system.value), tree, environments }, errors };
}

/** Lays an environment's overrides over the file and checks what comes out. */
export function checkEnvironment(file: DefinitionFile, name: string): CheckedEnvironment {
  const own = file.environments.get(name)!;
  const entries = new Map([...file.tree.entries].filter(([key]) => key in sections));
  const errors: string[] = [];
  const tree = merge({ ...file.tree, entries }, own, errors);
  const kindless = [kindlessChecks(tree), kindlessDatabases(tree)];
  const alreadyTold = (path: PropertyKey[]) => kindless.some(({ paths }) => paths.has(path.slice(0, 2).join('.')));
  const parsed = environmentSchema.safeParse(toPlain(tree));
  const issues = parsed.error?.issues.filter(({ path }) => !alreadyTold(path)) ?? [];
  errors.push(
    ...kindless.flatMap((found) => found.errors),
    ...explain(issues, tree, own),
    ...breaches(tree, [...file.environments.keys()]),
    ...unknownFacts(tree),
  );
  return errors.length === 0 && parsed.success ? { tree, input: parsed.data, errors } : { tree, errors };
}

function checkSystem(tree: MapTree, wanted: string): string[] {
  const system = tree.entries.get('system');
  if (system?.is === 'scalar' && system.value === wanted) return [];
  const at = system?.at ?? { ...tree.at, path: 'system' };
  return [told(at, `\`${wanted}\`, as the file is called`, describe(system && toPlain(system)))];
}

function readEnvironments(tree: MapTree, errors: string[]): Map<string, MapTree> {
  const environments = new Map<string, MapTree>();
  const all: Tree | undefined = tree.entries.get('environments');
  if (all?.is !== 'map' || all.entries.size === 0) {
    errors.push(
      told(
        all?.at ?? { ...tree.at, path: 'environments' },
        'a map with at least one environment',
        describe(all && toPlain(all)),
      ),
    );
    return environments;
  }
  for (const [name, environment] of all.entries) {
    if (!/^[a-z0-9][a-z0-9_-]*$/.test(name))
      errors.push(told(environment.key, 'a name of small letters, digits and hyphens', describe(name)));
    else if (environment.is !== 'map') errors.push(told(environment.key, 'a map', describe(toPlain(environment))));
    else environments.set(name, environment);
  }
  return environments;
}
