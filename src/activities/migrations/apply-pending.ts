import { fail } from '../../errors.js';
import type { StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import { compareRevisions, demandSame } from './compare.js';

/** How one tool looks and acts. */
interface Upgrade {
  applied(): Promise<string[]>;
  run(): Promise<void>;
  /** The command, for people. */
  command: string;
  /** It has something to do also where nothing is pending. */
  always?: boolean;
}

/** Looks, lets the tool apply what is pending, and looks again. Throws MigrationFailed, also where the tool was content. */
export async function applyPending(context: StepContext, wanted: string[], upgrade: Upgrade): Promise<StepResult> {
  const before = compareRevisions(await upgrade.applied(), wanted);
  if (before.extra.length > 0)
    throw fail(
      'MigrationFailed',
      `nothing was migrated, since this release does not know what the database has: ${before.extra.join(', ')}`,
    );
  // A second call of a step whose worker was lost adopts the command, even where it has applied everything since.
  if (before.missing.length === 0 && !upgrade.always && !context.began('migrate'))
    return { note: 'no migration is pending', data: { applied: [] } };
  const startedAt = performance.now();
  await upgrade.run();
  demandSame(await upgrade.applied(), wanted, upgrade.command);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const nothing = upgrade.always ? 'nothing was pending, and was' : 'what an earlier attempt began was';
  return {
    note: `${before.missing.join(', ') || nothing} applied in ${seconds} s`,
    data: { applied: before.missing },
  };
}
