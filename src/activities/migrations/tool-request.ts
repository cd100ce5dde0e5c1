import { join } from 'node:path';
import { fail } from '../../errors.js';
import { quoted, shellLine } from '../../lib/shell-line.js';
import type { Argv, Definition } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';
import { liveRelease } from '../runtime/live-release.js';
import { declaredTool, guardValues, lockSettings } from './tool-settings.js';

/** What leads one call to another database than the live one: a variable, or inside a service another folder in the place of the live file's. */
export type Leading = Pick<CommandRequest, 'env' | 'over'>;

/** Of every command that may migrate: long, since nobody can tell what an ended one left. */
const deadlineMs = 24 * 3_600_000;

/** Of every command that only asks, as some do in the downtime: no lock and no server that hangs may hold that up. */
const lookMs = 60_000;

/**
 * One call of the tool, with the definition's guard, from the code in `checkout`; inside a service from the image of that code's release.
 * There the working directory is the image's own, unless the definition says another. Throws BadDefinition.
 */
export function toolRequest(
  context: StepContext,
  checkout: string,
  argv: Argv,
  { env, over }: Leading = {},
): CommandRequest {
  const { options } = declaredTool(context.definition);
  const common = {
    env: { ...lockSettings(context), ...guardValues(context), ...env },
    deadlineMs,
    ...(over ? { over } : {}),
  };
  if (options.in !== undefined)
    return {
      ...common,
      argv,
      in: options.in,
      ...(options.workdir === undefined ? {} : { cwd: options.workdir }),
      ...releaseOf(context, checkout),
    };
  const cwd = join(checkout, options.directory ?? '.');
  const [program = '', ...rest] = argv;
  // A program given by a path is one of the checkout, as `.venv/bin/alembic` is.
  const path = program.includes('/') && !program.startsWith('/') ? join(cwd, program) : program;
  return { ...common, argv: [path, ...rest], cwd };
}

/** The same call as one that only asks. */
export function asLook(request: CommandRequest): CommandRequest {
  return { ...request, deadlineMs: lookMs };
}

/** Where a call is made, for people. */
export function toolPlace(request: CommandRequest): string {
  return request.in === undefined ? (request.cwd ?? '') : `service ${request.in}`;
}

/** As a person types it. */
export function toolLine(definition: Definition, argv: Argv): string {
  const { directory, in: service, guard } = declaredTool(definition).options;
  const line = shellLine(argv, guard);
  if (service !== undefined) return `${line}   # in ${service}`;
  return `${directory ? `cd ${quoted(directory)} && ` : ''}${line}`;
}

/** Never what happens to run: code of another release knows other revisions. */
function releaseOf(context: StepContext, checkout: string): Pick<CommandRequest, 'of'> {
  const { run, at, definition } = context;
  if (checkout !== context.staged(run.version)) {
    const of = liveRelease(run, at);
    return of ? { of } : {};
  }
  if (definition.source.images) return { of: run.version };
  const { kind } = declaredTool(definition);
  const where = definition.positions[`migrations.${kind}`] ?? definition.environment;
  throw fail(
    'BadDefinition',
    `${where}: a rehearsal inside a service needs source.images: else no image holds the new code beside the live one`,
  );
}
