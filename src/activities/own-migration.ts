import { setTimeout as wait } from 'node:timers/promises';
import { fail, failureType, rootMessage } from '../errors.js';
import type { Definition, Release, Revisions, StepResult } from '../model.js';
import { databaseOf } from './migrations/tool-settings.js';
import { whatIsLeft } from './migrations/what-is-left.js';
import { appliedRevisions, isEmpty, listed, missing } from './revisions.js';
import { runtime } from './runtime/lookup.js';
import type { Step } from './step.js';

const pauseMs = 500;

/**
 * Starts an application that migrates itself, and waits until the database has all that the release knows: a second migration beside its
 * own would collide with it, and what it prints proves nothing. Throws MigrationFailed with its last lines.
 */
export async function startMigrating(
  context: Step,
  release: Release,
  known: Revisions,
  starting: () => Promise<StepResult>,
): Promise<StepResult> {
  const before = missing(known, await appliedRevisions(context));
  if (context.at.try > 1 && !isEmpty(before)) await refuseHalfMade(context, known);
  const began = Date.now();
  const started = await starting().catch(async (error: unknown) => {
    const left = missing(known, await appliedRevisions(context));
    if (isEmpty(left) || failureType(error) !== 'NotStarted') throw error;
    throw fail(
      'MigrationFailed',
      `${release.version}, which migrates itself, has not applied ${listed(left)}: ${rootMessage(error)}`,
    );
  });
  await arrived(context, release, known);
  if (isEmpty(before)) return started;
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  return { ...started, note: `${started.note ?? ''}; ${listed(before)} applied by itself within ${seconds} s` };
}

/** A person's retry would start its migration once more. */
async function refuseHalfMade(context: Step, known: Revisions): Promise<void> {
  const name = databaseOf(context.definition);
  const applied = (await appliedRevisions(context))[name] ?? [];
  const left = await whatIsLeft(context, applied, [...new Set([...applied, ...(known[name] ?? [])])]);
  if (!left.again) throw fail('MigrationFailed', `nothing was started: ${left.words}`);
}

async function arrived(context: Step, release: Release, known: Revisions): Promise<void> {
  const limitMs = timeoutOf(context.definition);
  for (const deadline = Date.now() + limitMs; ; await wait(pauseMs)) {
    context.interrupted.throwIfAborted();
    // A file may be locked as long as it is migrated.
    const left = await appliedRevisions(context).then(
      (applied) => listedOrNone(missing(known, applied)),
      (error: unknown) => rootMessage(error),
    );
    if (left === undefined) return;
    const runs = await runtime(context.definition).runs(context);
    const words = async () => (await runtime(context.definition).lastWords?.(context)) ?? '';
    if (!runs)
      throw fail(
        'MigrationFailed',
        `${release.version}, which migrates itself, ended before it had applied ${left}${await words()}`,
      );
    if (Date.now() > deadline)
      throw fail(
        'MigrationFailed',
        `${release.version}, which migrates itself, has not applied ${left} ${Math.round(limitMs / 1000)} s after its start${await words()}`,
      );
    context.progress(`${release.version} migrates itself: ${left}`);
  }
}

function listedOrNone(revisions: Revisions): string | undefined {
  return isEmpty(revisions) ? undefined : listed(revisions);
}

function timeoutOf({ runtime: { processes, compose, container } }: Definition): number {
  return (processes ?? compose ?? container)?.timeoutMs ?? 300_000;
}
