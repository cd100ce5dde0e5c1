import { fail, rootMessage } from '../../errors.js';
import type { Definition, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import { checkAlembic } from './alembic-checks.js';
import { readGraph, withAncestors } from './alembic-graph.js';
import { alembicLine, alembicRequest, graphOf, graphOfRun, textsOf } from './alembic-settings.js';
import { undoTargets } from './alembic-undo.js';
import { releases } from '../releases.js';
import { alembicRows } from './applied.js';
import { applyPending } from './apply-pending.js';
import { demandReachable, demandSame } from './compare.js';
import type { MigrationTool } from './contract.js';
import { demandFollows, leadingTo } from './rehearsal-copy.js';
import { databaseOf } from './tool-settings.js';
import { detailsOf, isExit, pythonError } from './tool-error.js';

/**
 * alembic writes down heads only, so what is applied are the rows with all that they stand upon, by the revisions' files. What `current`
 * prints is mixed with log lines, and is trusted for nothing but a comparison with the rows.
 */
export const alembic: MigrationTool = {
  database: databaseOf,
  known: async (context, release) => [...(await graphOf(context, release)).keys()],
  outsideTransaction: async (context, release, revisions) =>
    (await textsOf(context, release))
      .filter((text) => /\.autocommit_block\s*\(/.test(text))
      .flatMap((text) => [...readGraph([text]).keys()])
      .filter((revision) => revisions.includes(revision)),
  applied,
  preflight: checkAlembic,
  upgrade,
  downgradeTo,
  commands: (definition) => ({
    upgrade: [alembicLine(definition, 'upgrade', targetOf(definition))],
    downgrade: (revisions) =>
      revisions.length === 0
        ? []
        : [`${alembicLine(definition, 'downgrade')} …, which takes back ${revisions.join(', ')}`],
  }),
};

function targetOf({ migrations }: Definition): string {
  return migrations?.alembic?.heads === 'several' ? 'heads' : 'head';
}

async function applied(context: StepContext, url?: string): Promise<string[]> {
  const rows = await alembicRows(context, url);
  // A database that was kept ahead has revisions that neither release of this run may know.
  const { entries } = await releases(context.home);
  const ahead = entries.flatMap((entry) => (entry.ahead ? [entry.ahead.of] : []));
  return withAncestors(await graphOfRun(context, ahead), rows);
}

async function upgrade(context: StepContext, directory: string, wanted: string[], url?: string): Promise<StepResult> {
  return applyPending(context, wanted, {
    applied: () => applied(context, url),
    run: () => runUpgrade(context, directory, url),
    command: `alembic upgrade ${targetOf(context.definition)}`,
    live: url === undefined,
    reason: pythonError,
  });
}

async function runUpgrade(context: StepContext, directory: string, url?: string): Promise<void> {
  const argv = ['upgrade', targetOf(context.definition)];
  if (url === undefined) return void (await context.change('migrate', alembicRequest(context, directory, argv)));
  await demandFollows(context, url, (elsewhere) => alembicRequest(context, directory, ['current'], elsewhere));
  await context.read(alembicRequest(context, directory, argv, await leadingTo(context, url)));
}

async function downgradeTo(context: StepContext, directory: string, wanted: string[]): Promise<StepResult> {
  const extra = demandReachable(await applied(context), wanted);
  for (const target of undoTargets(await graphOfRun(context), [...extra, ...wanted], wanted))
    await undo(context, directory, target);
  demandSame(await applied(context), wanted, 'the undo');
  return { note: extra.length > 0 ? `${extra.join(', ')} undone` : 'nothing was to undo', data: { undone: extra } };
}

async function undo(context: StepContext, directory: string, target: string): Promise<void> {
  try {
    await context.change(`undo-to-${target}`, alembicRequest(context, directory, ['downgrade', target]));
  } catch (error) {
    if (!isExit(error)) throw error;
    const half = 'it may be half undone: put the data back, or repair it by hand';
    throw fail(
      'MigrationFailed',
      `alembic downgrade ${target} failed: ${pythonError(error) ?? rootMessage(error)}; ${half}`,
      detailsOf(error),
    );
  }
}
