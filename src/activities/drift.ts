import type { Release, Revisions } from '../model.js';
import type { StepContext } from './context.js';
import { releases } from './releases.js';
import { listed, sameSets } from './revisions.js';
import { runtime } from './runtime/lookup.js';
import { otherImages } from './source/images/running.js';

/** Differences between what runs and the history's head, each naming both. Empty where they agree. */
export async function findDrift(
  context: StepContext,
  now: { live: Release | null; before: Revisions },
): Promise<string[]> {
  const { head } = await releases(context.home);
  if (!head?.current) return firstRelease(context, now);
  const found: string[] = [];
  if (now.live?.sha !== head.current.sha)
    found.push(
      `the checkout is at ${now.live?.sha.slice(0, 7) ?? 'nothing'}, the history says ${head.current.sha.slice(0, 7)} (${head.current.version})`,
    );
  if (context.definition.source.images)
    found.push(...(await otherImages(context, head.current)).map((line) => `${line}, which the history says`));
  if (!sameSets(now.before, head.revisions))
    found.push(`applied revisions are ${listed(now.before)}, the history says ${listed(head.revisions)}`);
  if (head.fingerprints.env_file !== undefined && head.fingerprints.env_file !== context.env.sha256)
    found.push(`${context.definition.env_file} was changed since run ${head.run}`);
  return found;
}

async function firstRelease(context: StepContext, now: { before: Revisions }): Promise<string[]> {
  const found: string[] = [];
  if (await runtime(context.definition).runs(context))
    found.push(`${context.definition.system} runs already, but nothing was ever released here`);
  const applied = Object.values(now.before).flat();
  if (applied.length > 0)
    found.push(`the database has revisions (${listed(now.before)}), but nothing was ever released here`);
  return found;
}
