import { failureType, rootMessage } from '../../errors.js';
import type { StepContext } from '../context.js';
import { readStandby } from '../records.js';
import { bookkeeping } from './applied.js';
import { compareRevisions, tellForeign, type Difference } from './compare.js';
import { migratedStore } from './tool-settings.js';

/** What a migration left that did not come to its end. */
export interface Left {
  /** Whether the tool may be run once more. */
  again: boolean;
  /** For people: at which revision the database is, or between which, what is half-made, and what to do. */
  words: string;
}

const most = 12;

/**
 * Looks at what is there, never at what was planned: the applied revisions, and all that differs from the recovery point that was taken after the
 * stop. What differs while not all is applied may be half of a migration, which no tool goes on with: then only the data put back leads on.
 */
export async function whatIsLeft(context: StepContext, applied: string[], wanted: string[]): Promise<Left> {
  const difference = compareRevisions(applied, wanted);
  if (difference.extra.length > 0) return { again: false, words: tellForeign(difference) };
  const at = applied.at(-1) ?? 'its beginning';
  if (difference.missing.length === 0)
    return {
      again: true,
      words: `the database is at ${at}, and all that was wanted is applied: another migrator was at it at the same time, or it failed after its last one; when no other one runs any more, retry`,
    };
  return leftBetween(context, at, difference);
}

async function leftBetween(context: StepContext, at: string, { missing }: Difference): Promise<Left> {
  const open = `not applied: ${missing.join(', ')}`;
  const store = migratedStore(context.definition);
  const standby = (await readStandby(context.folder))?.find((one) => one.store === store?.name);
  if (!store?.changes || !standby)
    return {
      again: true,
      words: `${open}; what ran outside a transaction may be half-changed: put the data back before trying again`,
    };
  let changes: string[];
  try {
    changes = (await store.changes(context, standby)).filter((line) => !isBookkeeping(line));
  } catch (error) {
    // A lost connection or a worker that leaves is no answer: the next attempt looks again.
    if ([undefined, 'WorkerLeft'].includes(failureType(error))) throw error;
    return { again: false, words: `${open}; what is half-made cannot be told yet: ${rootMessage(error)}` };
  }
  if (changes.length === 0)
    return {
      again: true,
      words: `the database is at ${at} and as it was before (${open}): mend the cause, then retry`,
    };
  const more = changes.length > most ? ` and ${changes.length - most} more` : '';
  return {
    again: false,
    words: `the database is between ${at} and ${missing.at(-1)} (${open}); since ${standby.takenAt}: ${changes.slice(0, most).join(', ')}${more}; no retry goes on from there: put the data back`,
  };
}

function isBookkeeping(line: string): boolean {
  const [, name = ''] = /^(?:new table|rows of) (?:\S+\.)?"?(\w+)"?$/.exec(line) ?? [];
  return bookkeeping.includes(name);
}
