import { fail, failureType, rootMessage } from '../../errors.js';
import type { StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import { compareRevisions, demandSame, type Difference } from './compare.js';
import { detailsOf, isExit } from './tool-error.js';
import { declaredTool, lockTimeoutMs, migratedStore } from './tool-settings.js';
import { whatIsLeft } from './what-is-left.js';

/** How one tool looks and acts. */
interface Upgrade {
  applied(): Promise<string[]>;
  run(): Promise<void>;
  /** The command, for people. */
  command: string;
  /** On the live database; else a rehearsal. */
  live: boolean;
  /** It has something to do also where nothing is pending. */
  always?: boolean;
  /** It applies them in the order of their names: the first that is missing is the one that failed. */
  byName?: boolean;
  /** The line of its output that says what went wrong. */
  reason?(error: { details?: unknown[] }): string | undefined;
}

/**
 * Looks, lets the tool apply what is pending, and looks again, while no other run does so: most tools would apply what both find pending twice. Throws
 * MigrationFailed, also where the tool was content; Held, naming the other run.
 */
export async function applyPending(context: StepContext, wanted: string[], upgrade: Upgrade): Promise<StepResult> {
  const store = upgrade.live ? migratedStore(context.definition) : undefined;
  const act = () => lookAndApply(context, wanted, upgrade);
  return store?.alone ? store.alone(context, act) : act();
}

async function lookAndApply(context: StepContext, wanted: string[], upgrade: Upgrade): Promise<StepResult> {
  const before = compareRevisions(await upgrade.applied(), wanted);
  if (before.extra.length > 0)
    throw fail(
      'MigrationFailed',
      `nothing was migrated, since this release does not know what the database has: ${before.extra.join(', ')}`,
    );
  // A second call of a step whose worker was lost adopts the command, even where it has applied everything since.
  if (before.missing.length === 0 && !upgrade.always && !context.began('migrate'))
    return { note: 'no migration is pending', data: { applied: [] } };
  if (upgrade.live) await refuseHalfMade(context, wanted, upgrade, before);
  const startedAt = performance.now();
  try {
    await upgrade.run();
  } catch (error) {
    throw await explained(context, wanted, upgrade, error);
  }
  demandSame(await upgrade.applied(), wanted, upgrade.command);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const nothing = upgrade.always ? 'nothing was pending, and was' : 'what an earlier attempt began was';
  return {
    note: `${before.missing.join(', ') || nothing} applied in ${seconds} s`,
    data: { applied: before.missing },
  };
}

/** Before a person's retry, never before an attempt that adopts the command. */
async function refuseHalfMade(
  context: StepContext,
  wanted: string[],
  upgrade: Upgrade,
  { missing }: Difference,
): Promise<void> {
  if (context.at.try === 1 || missing.length === 0 || context.began('migrate')) return;
  const left = await whatIsLeft(context, await upgrade.applied(), wanted);
  if (!left.again) throw fail('MigrationFailed', `nothing was migrated: ${left.words}`, { missing });
}

/** The command ended badly, or nobody can tell how: whichever it was, the database tells what it left. */
async function explained(context: StepContext, wanted: string[], upgrade: Upgrade, error: unknown): Promise<unknown> {
  const unknown = upgrade.live && failureType(error) === 'OutcomeUnknown';
  if (!isExit(error) && !unknown) return error;
  const applied = await upgrade.applied();
  const { missing } = compareRevisions(applied, wanted);
  const words = upgrade.live
    ? (await whatIsLeft(context, applied, wanted)).words
    : `not applied: ${missing.join(', ') || 'none'}`;
  if (unknown) return fail('OutcomeUnknown', `${rootMessage(error)}; ${words}`, { missing });
  const failed = upgrade.byName ? missing[0] : undefined;
  const said = upgrade.reason?.(error as { details?: unknown[] }) ?? rootMessage(error);
  const reason = /lock timeout/.test(said) ? `${said} (${lockWords(context)})` : said;
  return fail('MigrationFailed', `${failed ?? upgrade.command} failed: ${reason}; ${words}`, {
    missing,
    ...(failed === undefined ? {} : { failed }),
    ...detailsOf(error as { details?: unknown[] }),
  });
}

function lockWords({ definition }: StepContext): string {
  const { kind } = declaredTool(definition);
  return `lock_timeout of ${lockTimeoutMs(definition) / 1000} s, migrations.${kind}.lock_timeout: another session holds what it waited for`;
}
