import { fail, rootMessage } from '../../errors.js';
import type { Definition, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import { source } from '../source/lookup.js';
import { sequelizeRows } from './applied.js';
import { applyPending } from './apply-pending.js';
import { demandReachable, demandSame } from './compare.js';
import type { MigrationTool } from './contract.js';
import { checkSequelize } from './sequelize-checks.js';
import { liveMigrations, migrationsFolder, toolPath } from './sequelize-settings.js';
import { demandFollows, leadingTo } from './rehearsal-copy.js';
import { toolLine, toolRequest, type Leading } from './tool-request.js';
import { databaseOf } from './tool-settings.js';
import { detailsOf, isExit } from './tool-error.js';

/** What sequelize-cli takes for a migration. */
const migrationFile = /^(?!.*\.d\.ts$).*\.(cjs|js|cts|ts)$/;

/**
 * sequelize-cli: no transaction around a migration, an undo without a name that takes back whatever is last by name, and exit code 0 for
 * some failures. So revisions are read from the database before and after, and every undo names its migration.
 */
export const sequelize: MigrationTool = {
  database: databaseOf,

  async known(context, release) {
    const names = await source(context.definition).list(context, release, migrationsFolder(context.definition));
    return names.filter((name) => migrationFile.test(name)).sort();
  },

  applied,
  preflight: checkSequelize,
  upgrade,
  downgradeTo,
  commands,
};

async function applied(context: StepContext, url?: string): Promise<string[]> {
  return sequelizeRows(context, url);
}

async function upgrade(context: StepContext, directory: string, wanted: string[], url?: string): Promise<StepResult> {
  return applyPending(context, wanted, {
    applied: () => applied(context, url),
    run: () => runMigrate(context, directory, url),
    command: 'sequelize-cli db:migrate',
    live: url === undefined,
    byName: true,
  });
}

async function runMigrate(context: StepContext, directory: string, url?: string): Promise<void> {
  if (url === undefined)
    return void (await context.change('migrate', toolRequest(context, directory, [toolPath, 'db:migrate'])));
  const asking = (elsewhere: Leading) => toolRequest(context, directory, [toolPath, 'db:migrate:status'], elsewhere);
  await demandFollows(context, url, asking);
  await context.read(toolRequest(context, directory, [toolPath, 'db:migrate'], await leadingTo(context, url)));
}

async function downgradeTo(context: StepContext, directory: string, wanted: string[]): Promise<StepResult> {
  const extra = demandReachable(await applied(context), wanted);
  const files = await liveMigrations(context, directory);
  const unknown = extra.filter((name) => !files.includes(name));
  if (unknown.length > 0) {
    throw fail(
      'MigrationFailed',
      `nothing was undone, since the code here does not have ${unknown.join(', ')}: undo from the release that has`,
    );
  }
  const undone = extra.reverse();
  for (const name of undone) await undo(context, directory, name);
  demandSame(await applied(context), wanted, 'the undo');
  return { note: undone.length > 0 ? `${undone.join(', ')} undone` : 'nothing was to undo', data: { undone } };
}

async function undo(context: StepContext, directory: string, name: string): Promise<void> {
  try {
    await context.change(
      `undo-${name}`,
      toolRequest(context, directory, [toolPath, 'db:migrate:undo', '--name', name]),
    );
  } catch (error) {
    if (!isExit(error)) throw error;
    const half = 'it may be half undone: put the data back, or repair it by hand';
    throw fail('MigrationFailed', `the undo of ${name} failed: ${rootMessage(error)}; ${half}`, {
      failed: name,
      ...detailsOf(error),
    });
  }
  // Without a `down`, and after some errors, the tool ends with 0.
  if ((await applied(context)).includes(name)) {
    throw fail(
      'MigrationFailed',
      `the undo of ${name} ended without an error, but it is still applied: does the migration have a down?`,
    );
  }
}

function commands(definition: Definition): ReturnType<MigrationTool['commands']> {
  const line = (...args: string[]) => toolLine(definition, [toolPath, ...args]);
  return {
    upgrade: [line('db:migrate')],
    downgrade: (revisions) =>
      [...revisions]
        .sort()
        .reverse()
        .map((name) => line('db:migrate:undo', '--name', name)),
  };
}
