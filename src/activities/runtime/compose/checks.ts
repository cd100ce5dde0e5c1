import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { didYouMean } from '../../../definition/nearest.js';
import { rootMessage } from '../../../errors.js';
import { findProgram } from '../../../lib/program.js';
import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { composeFiles, composeOf, composeProgram, hasFiles } from './arguments.js';
import { checkVolumes } from '../volumes.js';
import { checkServiceDatabases } from './database-settings.js';
import { checkForeign } from './foreign.js';
import { checkImagesHere, checkPorts } from './host-checks.js';
import { checkSettingsElsewhere } from './settings-elsewhere.js';
import { place, readProject, type Project } from './project.js';

/** Before the first release the checkout may hold no compose file yet: the version that comes brings it, and `start` asks again. */
export async function checkCompose(context: StepContext): Promise<CheckResult[]> {
  const where = place(context);
  const engine = await checkEngine(context, where);
  const files = checkFiles(context, where);
  if (engine.outcome !== 'pass' || files.outcome !== 'pass') return [engine, files];
  if (!hasFiles(context.definition)) return [engine, files];
  try {
    return [engine, files, ...(await judgeProject(context, where))];
  } catch (error) {
    return [
      engine,
      files,
      unasked('compose-config', false, 'docker compose resolves its files', rootMessage(error), where),
    ];
  }
}

/** What the files in `definition.directory` resolve to, and what the host has for it. Throws BadDefinition where they do not resolve. */
export async function judgeProject(context: StepContext, where: string): Promise<CheckResult[]> {
  const [project, elsewhere] = await Promise.all([readProject(context), checkSettingsElsewhere(context, where)]);
  const [images, foreign, ports, volumes] = await Promise.all([
    checkImagesHere(context, project, where),
    checkForeign(context, project, where),
    checkPorts(context, project, where),
    checkVolumes(context, project.volumes, where),
  ]);
  return [
    elsewhere,
    ...checkProject(context, project, where),
    ...checkServiceDatabases(context, project, where),
    images,
    foreign,
    ports,
    ...volumes,
  ];
}

async function checkEngine(context: StepContext, where: string): Promise<CheckResult> {
  const program = composeProgram(context.definition);
  const expected = `the docker engine answers, and ${program.join(' ')} is there`;
  try {
    const [engine, compose] = await Promise.all([
      context.look({ argv: ['docker', 'version', '--format', '{{.Server.Version}}'] }),
      context.look({ argv: [...program, 'version', '--short'] }),
    ]);
    return unasked('engine', true, expected, `${engine.stdout?.trim()}, compose ${compose.stdout?.trim()}`, where);
  } catch (error) {
    const v1 = program.length > 1 && findProgram('docker-compose', process.env.PATH, '/');
    const hint = v1 ? '; docker-compose is here: say compose: { program: [docker-compose] }' : '';
    return unasked('engine', false, expected, `${rootMessage(error)}${hint}`, where);
  }
}

function checkFiles(context: StepContext, where: string): CheckResult {
  const files = composeFiles(context.definition);
  const absent = files.filter((file) => !existsSync(join(context.definition.directory, file)));
  const first = context.run.previous === null;
  const seen =
    absent.length === 0
      ? files.join(', ')
      : `no ${absent.join(', ')}${first ? ' yet: the new version has to bring it' : ''}`;
  return unasked(
    'compose-files',
    absent.length === 0 || first,
    `${files.join(', ')} in ${context.definition.directory}`,
    seen,
    where,
  );
}

function checkProject({ definition }: StepContext, project: Project, where: string): CheckResult[] {
  const { services, restart = [] } = composeOf(definition);
  const unknown = [...(services ?? []), ...restart].filter((service) => !project.services.includes(service));
  const guessed = unknown.map((service) => `\`${service}\`${didYouMean(service, project.services)}`);
  const images = Object.keys(definition.source.images ?? {});
  const unbuilt = project.built.filter((service) => project.ours.includes(service) && !images.includes(service));
  return [
    unasked(
      'services',
      unknown.length === 0,
      'compose knows each service',
      unknown.length === 0
        ? project.ours.join(', ')
        : `unknown: ${guessed.join(', ')}; there are ${project.services.join(', ')}`,
      where,
    ),
    unasked(
      'variables-set',
      project.unset.length === 0,
      'every variable that the compose files name is set',
      project.unset.length === 0 ? 'all are' : `not set, so they would be blank: ${project.unset.join(', ')}`,
      where,
    ),
    {
      ...unasked(
        'images-before',
        unbuilt.length === 0,
        'no service is built in the downtime',
        unbuilt.length === 0
          ? 'none is'
          : `${unbuilt.join(', ')} is built by compose: name it in source.images, so that it is built beside the running one`,
        where,
      ),
      must: definition.source.git?.install ? 'warn' : 'must',
    },
    {
      ...unasked(
        'compose-config',
        true,
        'docker compose resolves its files',
        `sha256 ${project.sha256.slice(0, 12)}`,
        where,
      ),
      must: 'record',
    },
  ];
}
