import { randomBytes } from 'node:crypto';
import { fail, failureType } from '../../errors.js';
import type { CommandRequest, StepContext } from '../context.js';
import { urlOfDatabase } from '../data/postgres/address.js';
import { declaredTool, migratedDatabase } from './tool-settings.js';

/** The variable that leads the tool to another database, and what it has to hold. Throws BadDefinition where there is none. */
export function leadingTo(context: StepContext, url: string): Record<string, string> {
  const { definition, env } = context;
  const database = migratedDatabase(definition);
  const where = definition.positions['databases'] ?? definition.environment;
  if ('postgres' in database) {
    const [, name] = /^\$\{?(\w+)\}?$/.exec(database.postgres.url) ?? [];
    if (name) return { [name]: url };
    throw fail(
      'BadDefinition',
      `${where}: a rehearsal needs the database's url as a variable of env_file, such as $DATABASE_URL`,
    );
  }
  const { variable } = database.sqlite;
  if (variable === undefined)
    throw fail('BadDefinition', `${where}: a rehearsal needs sqlite.variable, which leads the application to the copy`);
  // A URL stays one, with the driver that the application names.
  const [scheme = ''] = /^sqlite[^:]*:(\/\/\/?)?/.exec(env.get(variable)?.reveal() ?? '') ?? [];
  return { [variable]: `${scheme}${url}` };
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
  const name = `slipway_nowhere_${randomBytes(6).toString('hex')}`;
  const inPostgres = 'postgres' in migratedDatabase(context.definition);
  // Some make the folders above a file that is missing: below this one nothing can be made.
  const leading = leadingTo(context, inPostgres ? urlOfDatabase(url, name) : `/dev/null/${name}/none.db`);
  try {
    await context.read(asking(leading));
  } catch (error) {
    if (failureType(error) === 'CommandFailed') return;
    throw error;
  }
  const [variable] = Object.keys(leading);
  const { kind } = declaredTool(context.definition);
  throw fail(
    'DataRefused',
    `${kind} does not take its database from ${variable}: a rehearsal would change the live one; read ${variable} in its configuration`,
  );
}
