import { existsSync } from 'node:fs';
import { fail, rootMessage } from '../../errors.js';
import { readHistory } from '../../lib/history.js';
import type { Argv, CheckResult, Definition, Migrations, Release, StepResult } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { liveRelease } from '../runtime/live-release.js';
import { hasImages } from '../source/images/record.js';
import { applyPending } from './apply-pending.js';
import { demandReachable, demandSame } from './compare.js';
import type { MigrationTool } from './contract.js';
import { demandFollows, leadingTo } from './rehearsal-copy.js';
import { asLook, toolLine, toolPlace, toolRequest } from './tool-request.js';
import { databaseOf } from './tool-settings.js';
import { detailsOf, isExit } from './tool-error.js';

/** Any other tool, by commands of the definition. What they print is all that there is: one revision a line, oldest first. */
export const command: MigrationTool = {
  database: databaseOf,
  known,
  applied,
  preflight,
  upgrade,
  downgradeTo,
  commands: (definition) => ({
    upgrade: [toolLine(definition, commandOf(definition).upgrade)],
    downgrade: (revisions) =>
      [...revisions].reverse().map((name) => toolLine(definition, [...(commandOf(definition).downgrade ?? []), name])),
  }),
};

/** `heads` is code of the release: of one that ran here the history tells, of a new one nobody before `fetch`. */
async function known(context: StepContext, release: Release): Promise<string[] | undefined> {
  const entries = release.run === undefined ? [] : await readHistory(context.home);
  const entry = entries.find((one) => one.run === release.run);
  if (entry) return entry.revisions[databaseOf(context.definition)] ?? [];
  const { heads } = commandOf(context.definition);
  if (isFetched(context, release)) return revisionsOf(context, context.staged(release), heads);
  const isLive = liveRelease(context.run, context.at)?.sha === release.sha;
  return isLive ? revisionsOf(context, context.definition.directory, heads) : undefined;
}

/** Whether its code stands beside the live one: its checkout, or for a tool inside a service its image. */
function isFetched(context: StepContext, release: Release): boolean {
  const inside = commandOf(context.definition).in !== undefined;
  return inside ? hasImages(context, release) : existsSync(context.staged(release));
}

async function applied(context: StepContext, url?: string): Promise<string[]> {
  const { run, at, definition } = context;
  const rehearsing = at.step === 'rehearse' && isFetched(context, run.version);
  // Before the first release there is no code that could be asked.
  if (liveRelease(run, at) === null && !rehearsing) return [];
  const checkout = rehearsing ? context.staged(run.version) : definition.directory;
  const leading = url === undefined ? {} : await leadingTo(context, url);
  return revisionsOf(context, checkout, commandOf(definition).applied, leading);
}

async function preflight(context: StepContext, directory?: string): Promise<CheckResult[]> {
  if (directory === undefined) return [];
  const where = context.definition.positions['migrations.command'] ?? 'unasked';
  const { applied: argv } = commandOf(context.definition);
  const expected = `${argv.join(' ')} answers in ${toolPlace(toolRequest(context, directory, argv))}`;
  const result = (ok: boolean, seen: string) => unasked('migration-tool', ok, expected, seen, where);
  try {
    return [result(true, `${(await applied(context)).length} applied`)];
  } catch (error) {
    return [result(false, rootMessage(error))];
  }
}

async function upgrade(context: StepContext, directory: string, wanted: string[], url?: string): Promise<StepResult> {
  const argv = commandOf(context.definition).upgrade;
  return applyPending(context, wanted, {
    applied: () => applied(context, url),
    run: () => runUpgrade(context, directory, url),
    command: argv.join(' '),
    live: url === undefined,
  });
}

async function runUpgrade(context: StepContext, directory: string, url?: string): Promise<void> {
  const { upgrade: argv, applied: asking } = commandOf(context.definition);
  if (url === undefined) return void (await context.change('migrate', toolRequest(context, directory, argv)));
  await demandFollows(context, url, (elsewhere) => toolRequest(context, directory, asking, elsewhere));
  await context.read(toolRequest(context, directory, argv, await leadingTo(context, url)));
}

async function downgradeTo(context: StepContext, directory: string, wanted: string[]): Promise<StepResult> {
  const undone = demandReachable(await applied(context), wanted).reverse();
  const { downgrade } = commandOf(context.definition);
  if (undone.length > 0 && !downgrade)
    throw fail('MigrationFailed', 'nothing was undone, since migrations.command has no downgrade: put the data back');
  for (const name of undone) await undo(context, directory, [...(downgrade ?? []), name], name);
  demandSame(await applied(context), wanted, 'the undo');
  return { note: undone.length > 0 ? `${undone.join(', ')} undone` : 'nothing was to undo', data: { undone } };
}

async function undo(context: StepContext, directory: string, argv: Argv, name: string): Promise<void> {
  try {
    await context.change(`undo-${name}`, toolRequest(context, directory, argv));
  } catch (error) {
    if (!isExit(error)) throw error;
    const half = 'it may be half undone: put the data back, or repair it by hand';
    throw fail('MigrationFailed', `the undo of ${name} failed: ${rootMessage(error)}; ${half}`, detailsOf(error));
  }
  if ((await applied(context)).includes(name))
    throw fail('MigrationFailed', `the undo of ${name} ended without an error, but it is still applied`);
}

/** Throws MigrationFailed for a line that is no revision: a log among them would count as one. */
async function revisionsOf(context: StepContext, checkout: string, argv: Argv, leading = {}): Promise<string[]> {
  const { stdout = '' } = await context.read(asLook(toolRequest(context, checkout, argv, leading)));
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  const wrong = lines.find((line) => !/^[\w.@+:-]+$/.test(line));
  if (wrong === undefined) return lines;
  throw fail('MigrationFailed', `${argv.join(' ')} prints a line that is no revision: ${wrong.slice(0, 80)}`);
}

function commandOf({ environment, migrations }: Definition): NonNullable<Migrations['command']> {
  if (!migrations?.command) throw fail('BadDefinition', `${environment}: migrations has no command`);
  return migrations.command;
}
