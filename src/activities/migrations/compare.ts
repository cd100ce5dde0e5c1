import { fail } from '../../errors.js';

/** Two sets of revisions, as what one has and the other has not. */
export interface Difference {
  /** Wanted, not applied. */
  missing: string[];
  /** Applied, not wanted. */
  extra: string[];
}

export function compareRevisions(applied: string[], wanted: string[]): Difference {
  return {
    missing: wanted.filter((name) => !applied.includes(name)),
    extra: applied.filter((name) => !wanted.includes(name)),
  };
}

export function isSame({ missing, extra }: Difference): boolean {
  return missing.length === 0 && extra.length === 0;
}

/** What has to be undone. Throws MigrationFailed where undoing alone does not lead to the wanted set. */
export function demandReachable(applied: string[], wanted: string[]): string[] {
  const { missing, extra } = compareRevisions(applied, wanted);
  if (missing.length === 0) return extra;
  throw fail(
    'MigrationFailed',
    `nothing was undone, since undoing cannot lead there: ${tell({ missing, extra: [] })}`,
    {
      missing,
    },
  );
}

/** Throws MigrationFailed naming every revision on one side only. */
export function demandSame(applied: string[], wanted: string[], after: string): void {
  const difference = compareRevisions(applied, wanted);
  if (!isSame(difference))
    throw fail('MigrationFailed', `after ${after} the database is not at the wanted revisions: ${tell(difference)}`, {
      ...difference,
    });
}

/** Where both hold revisions: another migrator was here, and what that applied is not ours to take back. */
export function tellForeign({ extra }: Difference): string {
  return `the database has ${extra.join(', ')}, which this release does not know: another migrator was here meanwhile; find out whose that is before anything is put back`;
}

function tell({ missing, extra }: Difference): string {
  const parts = [
    missing.length > 0 && `${missing.join(', ')} not applied`,
    extra.length > 0 && `${extra.join(', ')} applied, but not wanted`,
  ];
  return parts.filter(Boolean).join('; ');
}
