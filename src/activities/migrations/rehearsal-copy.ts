import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { migratingService } from '../../definition/migrates-itself.js';
import { fail, failureType } from '../../errors.js';
import type { CommandRequest, StepContext } from '../context.js';
import { urlOfDatabase } from '../data/postgres/address.js';
import { liveFile } from '../data/sqlite/live-file.js';
import { foldersInside } from '../data/sqlite/mounted.js';
import { whyNoRehearsal } from './rehearsable.js';
import { asLook, type Leading } from './tool-request.js';
import { declaredTool, migratedDatabase } from './tool-settings.js';

/** What leads the tool to the copy at `url`; a file's name there is that of the live one. Throws BadDefinition where nothing does. */
export async function leadingTo(context: StepContext, url: string): Promise<Leading> {
  const { definition, env } = context;
  const database = migratedDatabase(definition);
  const where = definition.positions['databases'] ?? definition.environment;
  if ('postgres' in database) {
    const [, name] = /^\$\{?(\w+)\}?$/.exec(database.postgres.url) ?? [];
    if (name) return { env: { [name]: url } };
    throw fail(
      'BadDefinition',
      `${where}: a rehearsal needs the database's url as a variable of env_file, such as $DATABASE_URL`,
    );
  }
  const service = migratingService(definition);
  if (service !== undefined) {
    const at = await foldersInside(context, service, await liveFile(context, database.sqlite));
    if (at.length === 0) throw fail('NotStarted', `${where}: ${await whyNoRehearsal(context)}`);
    await openInside(url);
    return { over: { folder: dirname(url), at } };
  }
  const { variable } = database.sqlite;
  if (variable === undefined)
    throw fail('BadDefinition', `${where}: a rehearsal needs sqlite.variable, which leads the application to the copy`);
  // A URL stays one, with the driver that the application names.
  const [scheme = ''] = /^sqlite[^:]*:(\/\/\/?)?/.exec(env.get(variable)?.reveal() ?? '') ?? [];
  return { env: { [variable]: `${scheme}${url}` } };
}

/**
 * `asking` makes a command that reads the database. Proves that the tool goes where it is led: asked for a database that is none, it must fail.
 * One with its URL written in its own configuration would answer, and a rehearsal would migrate the live database. Throws DataRefused.
 */
export async function demandFollows(
  context: StepContext,
  url: string,
  asking: (elsewhere: Leading) => CommandRequest,
): Promise<void> {
  const place = `slipway_nowhere_${randomBytes(6).toString('hex')}`;
  const folder = join(dirname(url), '..', place);
  const elsewhere = await leadingTo(context, await nowhere(context, url, place));
  try {
    await context.read(asLook(asking(elsewhere)));
  } catch (error) {
    if (failureType(error) === 'CommandFailed') return;
    throw error;
  } finally {
    if (elsewhere.over) await rm(folder, { recursive: true, force: true });
  }
  const { kind } = declaredTool(context.definition);
  const [variable] = Object.keys(elsewhere.env ?? {});
  throw fail(
    'DataRefused',
    variable === undefined
      ? `${kind} does not take its database from ${elsewhere.over?.at.join(', ')} inside ${migratingService(context.definition)}: a rehearsal would change another one than the copy`
      : `${kind} does not take its database from ${variable}: a rehearsal would change the live one; read ${variable} in its configuration`,
  );
}

/** A database that nothing can be read from; `place`: a name that nothing has. */
async function nowhere(context: StepContext, url: string, place: string): Promise<string> {
  if ('postgres' in migratedDatabase(context.definition)) return urlOfDatabase(url, place);
  // Some tools make the folders above a file that is missing: below this one nothing can be made.
  if (migratingService(context.definition) === undefined) return `/dev/null/${place}/none.db`;
  const file = join(dirname(url), '..', place, basename(url));
  await mkdir(dirname(file), { mode: 0o700 });
  await writeFile(file, 'this is no database\n'.repeat(400));
  return file;
}

/** The service runs as whom it likes; to others on this host the folder above is closed. */
async function openInside(file: string): Promise<void> {
  await chmod(dirname(file), 0o777);
  await chmod(file, 0o666);
}
