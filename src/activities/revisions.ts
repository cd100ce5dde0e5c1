import { fail } from '../errors.js';
import type { Release, Revisions } from '../model.js';
import { migratesItself } from '../definition/migrates-itself.js';
import type { StepContext } from './context.js';
import { migrationTool } from './migrations/lookup.js';
import { begun } from './records.js';
import type { Step } from './step.js';

/** Applied revisions of every database that a tool migrates, read from the databases themselves. */
export async function appliedRevisions(context: StepContext): Promise<Revisions> {
  const tool = migrationTool(context.definition);
  return tool ? { [tool.database(context.definition)]: await tool.applied(context) } : {};
}

/** Revisions that a release's code knows. Throws MigrationFailed where nobody can tell before it is fetched. */
export async function knownRevisions(context: StepContext, release: Release): Promise<Revisions> {
  const tool = migrationTool(context.definition);
  if (!tool) return {};
  const known = await tool.known(context, release);
  if (known) return { [tool.database(context.definition)]: known };
  throw fail(
    'MigrationFailed',
    `the revisions of ${release.version} are not known: its code is neither live nor fetched`,
  );
}

/** Stands for all pending ones where only the release's code tells which. */
export const toldByFetch = 'what its heads name once it is fetched';

/** Those that the run's version knows and the database lacks; one that stands for all where they are known after `fetch` only. */
export async function pendingRevisions(context: StepContext, before: Revisions): Promise<Revisions> {
  const tool = migrationTool(context.definition);
  if (!tool) return {};
  const name = tool.database(context.definition);
  const known = await tool.known(context, context.run.version);
  return known ? missing({ [name]: known }, before) : { [name]: [toldByFetch] };
}

/** Whether this release's migrations may have changed the data, though the revisions look the same. */
export function mayHaveMigrated({ folder, at, pinned }: Step): boolean {
  const step = migratesItself(pinned.definition) ? 'start' : 'migrate';
  const acts = !at.undo && at.step === step;
  return (acts || begun({ folder }, step)) && !isEmpty(pinned.plan.pending);
}

/** What is in `all` and not in `some`, by database. */
export function missing(all: Revisions, some: Revisions): Revisions {
  return Object.fromEntries(
    Object.entries(all).map(([database, names]) => [database, names.filter((name) => !some[database]?.includes(name))]),
  );
}

export function sameSets(a: Revisions, b: Revisions): boolean {
  return isEmpty(missing(a, b)) && isEmpty(missing(b, a));
}

export function isEmpty(revisions: Revisions): boolean {
  return Object.values(revisions).every((names) => names.length === 0);
}

export function listed(revisions: Revisions): string {
  return Object.entries(revisions)
    .map(([database, names]) => `${database}: ${names.join(', ') || 'none'}`)
    .join('; ');
}
