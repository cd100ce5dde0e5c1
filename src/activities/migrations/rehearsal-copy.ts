import { randomBytes } from 'node:crypto';
import { fail, failureType } from '../../errors.js';
import type { CommandRequest, StepContext } from '../context.js';
import { urlOfDatabase } from '../data/postgres/address.js';
import { declaredTool, urlReference } from './tool-settings.js';

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
 * `asking` makes a command that reads the database. Proves that the tool goes where that variable leads: asked for a database that does not exist, it must fail. One with its URL written
 * in its own configuration would answer, and a rehearsal would migrate the live database. Throws DataRefused.
 */
export async function demandFollows(
  context: StepContext,
  url: string,
  asking: (variables: Record<string, string>) => CommandRequest,
): Promise<void> {
  const variable = copyVariable(context);
  const nowhere = urlOfDatabase(url, `slipway_nowhere_${randomBytes(6).toString('hex')}`);
  try {
    await context.read(asking({ [variable]: nowhere }));
  } catch (error) {
    if (failureType(error) === 'CommandFailed') return;
    throw error;
  }
  const { kind } = declaredTool(context.definition);
  throw fail(
    'DataRefused',
    `${kind} does not take its database from ${variable}: a rehearsal would change the live one; read ${variable} in its configuration`,
  );
}
