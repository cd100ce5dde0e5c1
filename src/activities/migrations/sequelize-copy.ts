import { randomBytes } from 'node:crypto';
import { fail, failureType } from '../../errors.js';
import type { StepContext } from '../context.js';
import { urlOfDatabase } from '../data/postgres/address.js';
import { toolRequest, urlReference } from './sequelize-settings.js';

/** The variable that leads the tool to another database. Throws BadDefinition for a literal URL. */
export function copyVariable({ definition }: StepContext): string {
  const reference = urlReference(definition);
  const [, name] = /^\$\{?(\w+)\}?$/.exec(reference) ?? [];
  if (name) return name;
  const where = definition.positions['databases'] ?? definition.environment;
  throw fail(
    'BadDefinition',
    `${where}: a rehearsal needs the database's url as a variable of env_file, such as $DATABASE_URL`,
  );
}

/**
 * Proves that the tool goes where that variable leads: asked for a database that does not exist, it must fail. One with its URL written
 * in its own configuration would answer, and a rehearsal would migrate the live database. Throws DataRefused.
 */
export async function demandFollows(context: StepContext, directory: string, url: string): Promise<void> {
  const variable = copyVariable(context);
  const nowhere = urlOfDatabase(url, `slipway_nowhere_${randomBytes(6).toString('hex')}`);
  try {
    await context.read(toolRequest(context, directory, ['db:migrate:status'], { [variable]: nowhere }));
  } catch (error) {
    if (failureType(error) === 'CommandFailed') return;
    throw error;
  }
  throw fail(
    'DataRefused',
    `sequelize-cli does not take its database from ${variable}: a rehearsal would change the live one; read ${variable} in its config`,
  );
}
