import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { composeFiles, composeOf, projectName } from './arguments.js';

/**
 * What people's own `docker compose` takes from the env file and from `name:` in the compose file, and the definition does not say: by
 * another project name a release would start a second system beside the one that runs.
 */
export async function checkSettingsElsewhere(context: StepContext, where: string): Promise<CheckResult> {
  const { definition, env } = context;
  const { project, files, profiles } = composeOf(definition);
  const [file = ''] = composeFiles(definition);
  const content = parse(await readFile(join(definition.directory, file), 'utf8'), { logLevel: 'silent' }) as unknown;
  const name = (content as { name?: unknown } | null)?.name;
  const found: string[] = [];
  const differs = (option: string, said: boolean, from: string, value: string | undefined, ours: string): void => {
    if (!said && value !== undefined && value !== ours)
      found.push(`${from} says ${value}: say compose: { ${option}: … } in the definition`);
  };
  const variable = (key: string) => env.get(key)?.reveal();
  differs(
    'project',
    project !== undefined,
    'COMPOSE_PROJECT_NAME',
    variable('COMPOSE_PROJECT_NAME'),
    projectName(definition),
  );
  differs('project', project !== undefined, `name in ${file}`, plainName(name), projectName(definition));
  differs('files', files !== undefined, 'COMPOSE_FILE', variable('COMPOSE_FILE'), composeFiles(definition).join(':'));
  // `--profile` wins over the variable, so what only that names would be left out.
  const lacking = (variable('COMPOSE_PROFILES') ?? '').split(',').filter((name) => name && !profiles?.includes(name));
  if (lacking.length > 0)
    found.push(`COMPOSE_PROFILES says ${lacking.join(',')}: say compose: { profiles: … } in the definition`);
  return unasked(
    'compose-settings',
    found.length === 0,
    'the definition names the project, files and profiles that people use by hand',
    found.join('; ') || `project ${projectName(definition)}`,
    where,
  );
}

function plainName(name: unknown): string | undefined {
  return typeof name === 'string' && !name.includes('$') ? name : undefined;
}
