import { join, posix } from 'node:path';
import { fail } from '../../errors.js';
import type { Argv, Definition, Migrations } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';
import { deadlineMs, guardValues } from './tool-settings.js';

export function sequelizeOf({ environment, migrations }: Definition): NonNullable<Migrations['sequelize']> {
  if (!migrations?.sequelize) throw fail('BadDefinition', `${environment}: migrations has no sequelize`);
  return migrations.sequelize;
}

/** Where the tool is run: the folder with package.json, in that checkout. */
export function toolFolder(definition: Definition, checkout: string): string {
  return join(checkout, sequelizeOf(definition).directory ?? '.');
}

export function migrationsFolder(definition: Definition): string {
  return posix.join(sequelizeOf(definition).directory ?? '.', 'migrations');
}

export const toolPath = 'node_modules/.bin/sequelize-cli';

/** The definition's guard reaches this one command and nothing else. */
export function toolRequest(
  context: StepContext,
  checkout: string,
  args: Argv,
  env: Record<string, string> = {},
): CommandRequest {
  const cwd = toolFolder(context.definition, checkout);
  return {
    argv: [join(cwd, toolPath), ...args],
    cwd,
    env: { ...guardValues(context), ...env },
    deadlineMs,
  };
}
