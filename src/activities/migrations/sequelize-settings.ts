import { readdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { fail } from '../../errors.js';
import type { Definition, Migrations } from '../../model.js';
import type { StepContext } from '../context.js';
import { liveRelease } from '../runtime/live-release.js';
import { source } from '../source/lookup.js';

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

/** Names of the migrations in the live code: of the checkout, or of the release whose image runs. */
export async function liveMigrations(context: StepContext, checkout: string): Promise<string[]> {
  const folder = migrationsFolder(context.definition);
  if (sequelizeOf(context.definition).in === undefined) return readdir(join(checkout, folder)).catch(() => []);
  const release = liveRelease(context.run, context.at);
  return release ? source(context.definition).list(context, release, folder) : [];
}
