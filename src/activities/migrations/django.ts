import { fail, rootMessage } from '../../errors.js';
import type { StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import { djangoRows } from './applied.js';
import { applyPending } from './apply-pending.js';
import { compareRevisions, demandReachable, demandSame } from './compare.js';
import type { MigrationTool } from './contract.js';
import { checkDjango } from './django-checks.js';
import { appOf, readCode } from './django-files.js';
import { knownMigrations, manageLine, manageRequest, ownApps } from './django-settings.js';
import { demandFollows, leadingTo } from './rehearsal-copy.js';
import { asLook } from './tool-request.js';
import { databaseOf } from './tool-settings.js';
import { detailsOf, isExit, pythonError } from './tool-error.js';

/**
 * manage.py: `migrate` and `migrate --check` are content with a database that is ahead of the code, so revisions are read from the database
 * before and after. `migrate` runs even where nothing is pending: it makes content types and permissions.
 */
export const django: MigrationTool = {
  database: databaseOf,
  always: true,
  known: knownMigrations,
  outsideTransaction: async (context, release, revisions) =>
    (await readCode(context, release)).migrations
      .filter((one) => one.outsideTransaction && revisions.includes(one.revision))
      .map(({ revision }) => revision),
  applied: djangoRows,
  preflight: checkDjango,
  upgrade,
  downgradeTo,
  commands: (definition) => ({
    upgrade: [manageLine(definition, 'migrate', '--noinput'), manageLine(definition, 'migrate', '--check')],
    downgrade: (revisions) =>
      revisions.length === 0
        ? []
        : [`${manageLine(definition, 'migrate')} APP NAME, which takes back ${revisions.join(', ')}`],
  }),
};

async function upgrade(context: StepContext, directory: string, wanted: string[], url?: string): Promise<StepResult> {
  const own = await ownApps(context);
  // What third parties bring stands in no file of ours: `migrate --check` answers for it.
  const counted = (rows: string[]) => rows.filter((row) => own.has(appOf(row)) || wanted.includes(row));
  return applyPending(context, wanted, {
    applied: async () => counted(await djangoRows(context, url)),
    run: () => runMigrate(context, directory, url),
    command: 'manage.py migrate',
    live: url === undefined,
    always: true,
    reason: pythonError,
  });
}

async function runMigrate(context: StepContext, directory: string, url?: string): Promise<void> {
  const leading = url === undefined ? {} : await leadingTo(context, url);
  const request = (...args: string[]) => manageRequest(context, directory, ['migrate', '--noinput', ...args], leading);
  if (url === undefined) await context.change('migrate', request());
  else {
    await demandFollows(context, url, (elsewhere) =>
      manageRequest(context, directory, ['showmigrations', '--plan'], elsewhere),
    );
    await context.read(request());
  }
  await context.read(asLook(request('--check')));
}

/** App by app, newest first, each to the last of its migrations that stays: "one back" may take back what others brought. */
async function downgradeTo(context: StepContext, directory: string, wanted: string[]): Promise<StepResult> {
  const before = await djangoRows(context);
  const extra = demandReachable(before, wanted);
  const targets = [...new Set(extra.map(appOf).reverse())].map(
    (app) => before.filter((row) => appOf(row) === app && wanted.includes(row)).at(-1) ?? `${app}.zero`,
  );
  await demandOnly(context, directory, targets, extra);
  for (const target of targets) await undo(context, directory, target);
  demandSame(await djangoRows(context), wanted, 'the undo');
  return { note: extra.length > 0 ? `${extra.join(', ')} undone` : 'nothing was to undo', data: { undone: extra } };
}

/** Asked before anything is undone: what stands upon a migration goes with it, and so may what another branch brought. */
async function demandOnly(context: StepContext, directory: string, targets: string[], extra: string[]): Promise<void> {
  const { migrations } = await readCode(context, context.run.version);
  const goes = new Set<string>();
  for (const target of targets) {
    const { stdout = '' } = await context.read(
      asLook(manageRequest(context, directory, [...toTarget(target), '--plan'])),
    );
    for (const [, name = ''] of stdout.matchAll(/^(\w+\.\S+)$/gm)) {
      goes.add(name);
      migrations.find(({ revision }) => revision === name)?.replaces.forEach((one) => goes.add(one));
    }
  }
  const { missing: stays, extra: others } = compareRevisions([...goes], extra);
  if (stays.length === 0 && others.length === 0) return;
  const why = [
    others.length > 0 && `${others.join(', ')} would go as well`,
    stays.length > 0 && `no target of manage.py takes back ${stays.join(', ')} alone`,
  ].filter(Boolean);
  throw fail('MigrationFailed', `nothing was undone, since ${why.join(' and ')}: put the data back`);
}

async function undo(context: StepContext, directory: string, target: string): Promise<void> {
  const args = toTarget(target);
  try {
    await context.change(`undo-to-${target}`, manageRequest(context, directory, args));
  } catch (error) {
    if (!isExit(error)) throw error;
    const half = 'it may be half undone: put the data back, or repair it by hand';
    throw fail(
      'MigrationFailed',
      `manage.py ${args.join(' ')} failed: ${pythonError(error) ?? rootMessage(error)}; ${half}`,
      detailsOf(error),
    );
  }
}

function toTarget(target: string): string[] {
  return ['migrate', '--noinput', appOf(target), target.slice(appOf(target).length + 1)];
}
