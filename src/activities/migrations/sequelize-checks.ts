import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { rootMessage } from '../../errors.js';
import type { CheckResult } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { sequelizeRows } from './applied.js';
import { liveMigrations, migrationsFolder, sequelizeOf, toolFolder, toolPath } from './sequelize-settings.js';
import { asLook, toolRequest } from './tool-request.js';

/** @see MigrationTool.preflight */
export async function checkSequelize(context: StepContext, directory?: string): Promise<CheckResult[]> {
  if (directory === undefined) return [];
  const where = context.definition.positions['migrations.sequelize'] ?? 'unasked';
  const { definition } = context;
  const inside = sequelizeOf(definition).in;
  const folder = toolFolder(definition, directory);
  const check = (ok: boolean, seen: string) =>
    unasked(
      'migration-tool',
      ok,
      `${toolPath} answers in ${inside === undefined ? folder : `service ${inside}`}`,
      seen,
      where,
    );
  const missing =
    'it is not there: as a development dependency, npm ci --omit=dev leaves it out; move it to dependencies';
  if (inside === undefined && !existsSync(join(folder, toolPath))) return [check(false, missing)];
  try {
    return [check(true, await askTool(context, directory))];
  } catch (error) {
    const seen = rootMessage(error);
    // What docker says of a program that the container does not have.
    return [check(false, /exit code 12[67]:/.test(seen) ? missing : seen)];
  }
}

/** Its status command, where that changes nothing: it makes the table "SequelizeMeta" in a database that has none. */
async function askTool(context: StepContext, directory: string): Promise<string> {
  const isNew = (await sequelizeRows(context)).length === 0;
  const args = isNew ? ['--version'] : ['db:migrate:status'];
  const { stdout = '' } = await context.read(asLook(toolRequest(context, directory, [toolPath, ...args])));
  if (isNew) return stdout.trim().split('\n').at(-1) ?? '';
  const told = new Map([...stdout.matchAll(/^(up|down) (\S+)$/gm)].map(([, state = '', name = '']) => [name, state]));
  const files = await liveMigrations(context, directory);
  const unseen = [...told].filter(([name, state]) => state === 'down' && !files.includes(name)).map(([name]) => name);
  if (unseen.length > 0)
    throw new Error(
      `it finds ${unseen.join(', ')} outside ${migrationsFolder(context.definition)}: keep migrations there`,
    );
  const pending = [...told.values()].filter((state) => state === 'down').length;
  return `${told.size - pending} applied, ${pending} pending`;
}
