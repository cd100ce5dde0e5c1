import { dayMs } from '../../lib/day.js';
import type { BackupRules } from '../../model.js';

/** How the reason begins for what nobody can be without. */
export const lastProven = 'the last proven backup';

/** One thing that is kept, as far as retention is concerned. */
export interface Holding {
  /** The run that took it, or needs it. */
  run: string | null;
  at: string | null;
  /** A backup in its first place that was proven. */
  proven: boolean;
  copied: boolean;
}

/**
 * Why each thing stays, in the order given; null: nothing needs it any more. `needed` tells runs whose things stay whatever the rules say.
 * Pure. Both rules hold: at least so many, and at least so long; without any, everything stays.
 */
export function whyKept(
  all: Holding[],
  { keep }: BackupRules,
  needed: (run: string) => string | undefined,
  now: Date,
): (string | null)[] {
  const proven = all.filter((one) => one.proven).sort((a, b) => ((a.at ?? '') < (b.at ?? '') ? 1 : -1));
  const newest = proven[0];
  const newestCopied = proven.find(({ copied }) => copied);
  const among = new Set(proven.slice(0, keep?.count ?? 0).map(({ run }) => run));
  return all.map((one) => {
    if (!keep?.count && !keep?.days) return 'backup.keep says nothing';
    if (one.run === null || one.at === null) return 'nobody knows whose it is';
    if (one.run === newest?.run) return lastProven;
    if (one.run === newestCopied?.run) return `${lastProven} with a copy`;
    const why = needed(one.run);
    if (why) return why;
    if (among.has(one.run)) return `one of the last ${keep.count}`;
    const days = (now.getTime() - Date.parse(one.at)) / dayMs;
    return keep.days && days < keep.days ? `younger than ${keep.days} d` : null;
  });
}
