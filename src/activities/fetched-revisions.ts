import { fail } from '../errors.js';
import type { CheckResult } from '../model.js';
import { unasked, type StepContext } from './context.js';
import { unknownTo } from './keep-ahead.js';
import { migrationTool } from './migrations/lookup.js';
import { appliedRevisions, isEmpty, knownRevisions, listed, missing, sameSets, toldByFetch } from './revisions.js';
import type { Step } from './step.js';

/** Whether a release's code knows all that the database has: it could not migrate it, nor run on it. */
export async function checkKnown(context: StepContext): Promise<CheckResult[]> {
  const { run, definition } = context;
  const tool = migrationTool(definition);
  if (!tool || run.kind !== 'deploy') return [];
  const result = (ok: boolean, seen: string) =>
    unasked('migration-known', ok, `${run.version.version} knows all revisions that the database has`, seen);
  if (!(await tool.known(context, run.version)))
    return [{ ...result(true, 'only its own code tells'), outcome: 'n/a' }];
  const unknown = await unknownTo(context, run.version, await appliedRevisions(context));
  return [result(isEmpty(unknown), isEmpty(unknown) ? 'it does' : `it does not know ${listed(unknown)}`)];
}

/**
 * The last look before anything stops, at the code that was fetched: it has to know what the database has, and to bring what people agreed to.
 * Throws MigrationFailed.
 */
export async function refuseOtherRevisions(context: Step): Promise<void> {
  const { run, definition, pinned } = context;
  if (!migrationTool(definition) || run.kind !== 'deploy') return;
  const { version } = run.version;
  const applied = await appliedRevisions(context);
  const unknown = await unknownTo(context, run.version, applied);
  if (!isEmpty(unknown))
    throw fail(
      'MigrationFailed',
      `${version} does not know what the database has: ${listed(unknown)}; nothing was stopped`,
    );
  const pending = missing(await knownRevisions(context, run.version), applied);
  const { pending: planned } = pinned.plan;
  if (Object.values(planned).flat().includes(toldByFetch) || sameSets(pending, planned)) return;
  throw fail(
    'MigrationFailed',
    `${version} has other pending migrations than people agreed to: ${listed(pending)}, not ${listed(planned)}; nothing was stopped: start anew`,
  );
}
