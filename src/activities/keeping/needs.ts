import { readJournal } from '../../lib/journal.js';
import type { StepContext } from '../context.js';
import { hasEnded } from '../ended.js';
import { runOf } from './places.js';
import { releases } from '../releases.js';

/** Of these backups' ids and runs, those whose copies and backups something may still go back to, with the reason. */
export async function needsOf(context: StepContext, ids: string[]): Promise<Map<string, string>> {
  const needed = new Map<string, string>();
  const { current, previous, entries } = await releases(context.home);
  const journal = await readJournal(context.home);
  for (const run of new Set(ids.map(runOf)))
    if (!(await hasEnded(context.folderOf(run)))) needed.set(run, 'its run did not end');
  // What the release that left `previous` behind kept is what a rollback puts back.
  for (const entry of entries)
    if (previous && entry.previous?.sha === previous.sha && entry.previous.run === previous.run)
      needed.set(entry.run, `a rollback to ${previous.version} needs it`);
  if (previous?.run) needed.set(previous.run, `of ${previous.version}, the release before`);
  if (current?.run) needed.set(current.run, `of ${current.version}, which runs`);
  if (journal) needed.set(journal.run, 'its run is open');
  return new Map(ids.flatMap((id) => [[id, needed.get(runOf(id))] as const]).filter(hasReason));
}

const hasReason = (one: readonly [string, string | undefined]): one is [string, string] => one[1] !== undefined;
