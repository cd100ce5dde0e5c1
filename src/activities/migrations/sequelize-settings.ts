import { join, posix } from 'node:path';
import { fail } from '../../errors.js';
import type { Argv, Definition, Migrations } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';

const deadlineMs = 24 * 3_600_000;

export function sequelizeOf({ environment, migrations }: Definition): NonNullable<Migrations['sequelize']> {
  if (!migrations?.sequelize) throw fail('BadDefinition', `${environment}: migrations has no sequelize`);
  return migrations.sequelize;
}

/** Name in `databases` of the one that it migrates. */
export function databaseOf(definition: Definition): string {
  const names = Object.keys(definition.databases);
  const named = sequelizeOf(definition).database ?? (names.length === 1 ? names[0] : undefined);
  if (named !== undefined && names.includes(named)) return named;
  const where = definition.positions['migrations.sequelize'] ?? definition.environment;
  throw fail(
    'BadDefinition',
    `${where}: write migrations.sequelize.database: one of ${names.join(', ') || '(there is no database)'}`,
  );
}

/** The URL as the definition has it, `$NAME` or literal. */
export function urlReference(definition: Definition): string {
  const name = databaseOf(definition);
  const database = definition.databases[name];
  if (database && 'postgres' in database) return database.postgres.url;
  const where = definition.positions[`databases.${name}`] ?? definition.environment;
  throw fail('NotBuilt', `${where}: sequelize on sqlite is not built into this Slipway; on postgres it is`);
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
  const guard = Object.entries(sequelizeOf(context.definition).guard ?? {}).map(([name, value]) => [
    name,
    context.env.value(value),
  ]);
  return {
    argv: [join(cwd, toolPath), ...args],
    cwd,
    env: { ...(Object.fromEntries(guard) as Record<string, string>), ...env },
    deadlineMs,
  };
}
