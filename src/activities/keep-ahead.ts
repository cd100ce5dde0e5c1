import { fail, failureType } from '../errors.js';
import { migratesItself } from '../definition/migrates-itself.js';
import type { Choice, HistoryEntry, Release, Revisions } from '../model.js';
import { readPinned } from './pinned.js';
import { readKeptAhead, readTriedBefore, writeKeptAhead } from './records.js';
import { deploysSince, isRelease, releases } from './releases.js';
import { appliedRevisions, isEmpty, knownRevisions, listed, missing } from './revisions.js';
import type { StepContext } from './context.js';
import type { Step } from './step.js';

/**
 * The revisions by which a rollback's database may stay ahead of the version it goes to; undefined: its data has to go back, too. Each release
 * that is left must have been deployed as `none` or `compatible`, and the last of them must know all that is applied.
 */
export async function aheadToKeep(context: Step, applied: Revisions): Promise<Revisions | undefined> {
  const { definition, run } = context;
  if (run.kind !== 'rollback' || !run.previous || definition.rollback.prefer !== 'keep') return undefined;
  // It would be started on a database that its own migrations never saw.
  if (migratesItself(definition)) return undefined;
  const known = await knownRevisions(context, run.version);
  const ahead = missing(applied, known);
  if (isEmpty(ahead) || !isEmpty(missing(known, applied))) return undefined;
  if (!isEmpty(missing(ahead, await knownRevisions(context, run.previous)))) return undefined;
  return (await allCompatible(context)) ? ahead : undefined;
}

/** Notes by what the database stays ahead, and returns all that is applied. Throws DataRefused where that is not what people agreed to. */
export async function keepAhead(context: Step, agreed: Choice): Promise<Revisions> {
  const { run, folder } = context;
  const applied = await appliedRevisions(context);
  const revisions = await aheadToKeep(context, applied);
  if (!revisions || !run.previous || listed(applied) !== agreed.to)
    throw fail(
      'DataRefused',
      `the database was to stay at ${agreed.to}, and is at ${listed(applied)} now: retry to see what may be done`,
    );
  await writeKeptAhead(folder, { release: run.version, of: run.previous, revisions });
  return applied;
}

/** What is applied and the release's code does not know, unless people kept the database ahead of it by all of that. */
export async function unknownTo(context: StepContext, release: Release, applied: Revisions): Promise<Revisions> {
  const unknown = missing(applied, await knownRevisions(context, release));
  return isEmpty(unknown) || (await wasKept(context, release, unknown)) ? {} : unknown;
}

/** Whether a release has all that it needs, and nothing that it may not run on. */
export async function fits(context: StepContext, release: Release, applied: Revisions): Promise<boolean> {
  const lacking = missing(await knownRevisions(context, release), applied);
  return isEmpty(lacking) && isEmpty(await unknownTo(context, release, applied));
}

/** In this run, or in an earlier one that went to the same release. */
async function wasKept({ home, folder }: StepContext, release: Release, unknown: Revisions): Promise<boolean> {
  const here = await readKeptAhead(folder);
  const { entries } = await releases(home);
  const before = entries.flatMap(({ current, ahead }) => (ahead && isRelease(current, release) ? [ahead] : []));
  const all = here && isRelease(here.release, release) ? [here, ...before] : before;
  return all.some(({ revisions }) => isEmpty(missing(unknown, revisions)));
}

async function allCompatible(context: Step): Promise<boolean> {
  const { entries } = await releases(context.home);
  const left = deploysSince(entries, context.run.version);
  const declared = await Promise.all(left.map((entry) => isCompatible(context, entry)));
  return left.length > 0 && declared.every(Boolean);
}

/**
 * As its plan says, which people approved, and as its rehearsal showed: checks of the version before passed on the migrated copy. Without a
 * declaration what was pending counts as breaking.
 */
async function isCompatible(context: Step, { kind, run }: HistoryEntry): Promise<boolean> {
  if (kind !== 'deploy') return false;
  try {
    const { change } = (await readPinned(context.folderOf(run))).plan;
    const tried = (await readTriedBefore(context.folderOf(run))) ?? [];
    return change === 'none' || (change === 'compatible' && tried.length > 0);
  } catch (error) {
    // A plan that is gone or was changed declares nothing.
    if (failureType(error) === 'DataRefused') return false;
    throw error;
  }
}
