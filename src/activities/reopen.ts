import { readJournal } from '../lib/journal.js';
import { stores } from './data/lookup.js';
import type { Step } from './step.js';

/**
 * A copy or a swap whose database server was lost leaves the live store closed, and then nothing that reads it could ever be tried again:
 * so that comes first. Only where this run holds the environment: before that, whoever closed it had a reason.
 */
export async function reopenStores(context: Step): Promise<void> {
  if ((await readJournal(context.home))?.run !== context.run.id) return;
  for (const store of stores(context.definition)) await store.reopen(context);
}
