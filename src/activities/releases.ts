import { currentEntry, readHistory } from '../lib/history.js';
import type { HistoryEntry, Release } from '../model.js';

/** What ran and runs, read from the history, never guessed. */
export async function releases(home: string): Promise<{
  current: Release | null;
  previous: Release | null;
  all: Release[];
  head: HistoryEntry | undefined;
  entries: HistoryEntry[];
}> {
  const entries = await readHistory(home);
  const head = currentEntry(entries);
  const all = entries
    .flatMap((entry) => (entry.current && entry.current.run === entry.run ? [entry.current] : []))
    .reverse();
  return { current: head?.current ?? null, previous: head?.previous ?? null, all, head, entries };
}

/** The runs since that release was left behind that may have changed the data's schema, oldest first; the first is the one that left it. */
export function deploysSince(entries: HistoryEntry[], release: Release): HistoryEntry[] {
  const left = entries.findLastIndex(
    (entry) => entry.kind === 'deploy' && entry.outcome === 'deployed' && isRelease(entry.previous, release),
  );
  if (left < 0) return [];
  return entries
    .slice(left)
    .filter(({ kind, outcome }) => kind !== 'rollback' && ['deployed', 'stopped', 'done'].includes(outcome));
}

export function isRelease(one: Release | null, other: Release): boolean {
  return one !== null && one.sha === other.sha && one.run === other.run;
}

/** The entry of the run that brought a release here. */
export function entryOf(entries: HistoryEntry[], release: Release | null): HistoryEntry | undefined {
  return entries.find((entry) => release?.run !== undefined && entry.run === release.run);
}
