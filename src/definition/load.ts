import { access, readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fail, rootMessage } from '../errors.js';
import type { Definition } from '../model.js';
import { withBaselines } from './baselines.js';
import { claimsOf, conflicts, type Claim } from './claims.js';
import { checkEnvironment, readDefinition } from './file.js';
import { didYouMean } from './nearest.js';
import { checkPeople } from './people.js';
import { resolveDefinition } from './resolve.js';
import { cautions } from './cautions.js';

/** Every environment of a folder with its file and host; files that cannot be read that far are in `errors`. */
export async function listEnvironments(
  dir: string,
): Promise<{ environments: Record<string, { file: string; host: string }>; errors: string[] }> {
  const environments: Record<string, { file: string; host: string }> = {};
  const errors: string[] = [];
  for (const path of await definitionFiles(dir, errors)) {
    const { file, errors: fileErrors } = await readDefinition(path);
    if (fileErrors.length > 0 || !file) errors.push(...fileErrors);
    for (const [name, environment] of file?.environments ?? []) {
      const host = environment.entries.get('host');
      if (host?.is === 'scalar' && typeof host.value === 'string')
        environments[`${file!.system}/${name}`] = { file: path, host: host.value };
      else errors.push(...checkEnvironment(file!, name).errors.filter((line) => line.includes('.host: ')));
    }
  }
  return { environments, errors };
}

/**
 * The definition of `system/environment`, ready to use.
 * @throws Usage for an environment that is not there, BadDefinition with a line for each error.
 */
export async function loadDefinition(dir: string, environment: string): Promise<Definition> {
  const [system = '', name = ''] = environment.split('/');
  const path = join(dir, `${system}.yaml`);
  if (!/^[^/]+\/[^/]+$/.test(environment) || !(await exists(path))) throw await unknownEnvironment(dir, environment);
  const { file, errors } = await readDefinition(path);
  if (!file) throw fail('BadDefinition', errors.join('\n'));
  if (!file.environments.has(name)) throw await unknownEnvironment(dir, environment);
  const checked = checkEnvironment(file, name);
  const all = inOrder([...errors, ...checked.errors]);
  if (all.length > 0 || !checked.input) throw fail('BadDefinition', all.join('\n'));
  return withBaselines(resolveDefinition(system, name, checked.input, checked.tree), dir);
}

/**
 * All errors and warnings of one file: of each of its environments, and of what these share with other environments of the folder.
 * @throws Usage where there is no such file.
 */
export async function validateFile(
  path: string,
): Promise<{ environments: string[]; errors: string[]; warnings: string[] }> {
  const full = resolve(path);
  if (!(await exists(full))) throw fail('Usage', `no file ${path}: name a definition such as systems/shop.yaml`);
  const { file, errors } = await readDefinition(full);
  const people = await checkPeople(dirname(full));
  const warnings: string[] = [];
  const claims: Claim[] = [];
  const environments = [...(file?.environments.keys() ?? [])].map((name) => `${file!.system}/${name}`);
  for (const name of file?.environments.keys() ?? []) {
    const checked = checkEnvironment(file!, name);
    errors.push(...checked.errors);
    if (!checked.input) continue;
    const definition = resolveDefinition(file!.system, name, checked.input, checked.tree);
    await withBaselines(definition, dirname(full)).catch((error: unknown) => errors.push(rootMessage(error)));
    claims.push(...claimsOf(definition));
    warnings.push(...cautions(name, file!, checked, people.people));
  }
  errors.push(...people.errors, ...conflicts(claims, await claimsIn(dirname(full), full)));
  return { environments, errors: inOrder(errors), warnings: inOrder(warnings) };
}

/** A line for each database of this environment that another one of the folder names as its own, as both read on this machine now. */
export async function sharedDatabases(dir: string, definition: Definition): Promise<string[]> {
  const own = claimsOf(definition).filter(({ what }) => what.startsWith('database '));
  return conflicts(own, await claimsIn(dir));
}

/** Of the sound environments of the folder's files, but for one: what these get wrong is told when they are validated. */
async function claimsIn(dir: string, except?: string): Promise<Claim[]> {
  const claims: Claim[] = [];
  for (const path of await definitionFiles(dir, [])) {
    if (path === except) continue;
    const { file } = await readDefinition(path);
    for (const name of file?.environments.keys() ?? []) {
      const { input, tree } = checkEnvironment(file!, name);
      if (input) claims.push(...claimsOf(resolveDefinition(file!.system, name, input, tree)));
    }
  }
  return claims;
}

async function definitionFiles(dir: string, errors: string[]): Promise<string[]> {
  const names = await readdir(dir).catch(() => undefined);
  if (!names) errors.push(`no folder ${dir}: name the one that holds the definitions with --systems DIR`);
  for (const name of names ?? []) {
    if (name.endsWith('.yml'))
      errors.push(`${join(basename(resolve(dir)), name)}: expected the ending .yaml, got .yml`);
  }
  return (names ?? [])
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => join(dir, name));
}

async function unknownEnvironment(dir: string, environment: string): Promise<Error> {
  const { environments, errors } = await listEnvironments(dir);
  const known = Object.keys(environments);
  const meant = didYouMean(environment, known).replace('; ', ' ').replaceAll('`', '');
  const list = known.length > 0 ? ` known: ${known.join(', ')}` : ` ${errors[0] ?? 'it holds no definition'}`;
  return fail('Usage', `no environment ${environment} in ${dir}:${meant}${list}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Each line once, by place: environments share what they do not override. */
function inOrder(lines: string[]): string[] {
  const place = (line: string) => /^(\S+?):(\d+):(\d+)/.exec(line)?.slice(1) ?? ['', '0', '0'];
  return [...new Set(lines)].sort((a, b) => {
    const [fileA, lineA, columnA] = place(a);
    const [fileB, lineB, columnB] = place(b);
    return fileA!.localeCompare(fileB!) || Number(lineA) - Number(lineB) || Number(columnA) - Number(columnB);
  });
}
