import type { HistoryEntry, Release } from '../../../src/model.js';

/** A release of that run; its name is its version, too. */
export const releaseOf = (run: string): Release => ({ version: run, sha: run, run });

/** That it was deployed, over the release of another run. */
export function deployed(run: string, before: string | null): HistoryEntry {
  const at = '2026-01-05T12:00:00Z';
  return {
    ...{ run, kind: 'deploy', outcome: 'deployed', version: run, startedAt: at, endedAt: at, by: 'ann' },
    ...{ current: releaseOf(run), previous: before === null ? null : releaseOf(before) },
    ...{ revisions: {}, fingerprints: {}, evidence: '' },
  };
}
