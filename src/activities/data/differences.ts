import { fail } from '../../errors.js';
import type { Contents, StoreBackup } from './contract.js';

/** Throws BackupUnusable, naming the first of what a restore has otherwise than its manifest says. */
export function refuseDifferences(backup: StoreBackup, differences: string[]): void {
  if (differences.length === 0) return;
  const more = differences.length > 5 ? `; and ${differences.length - 5} more` : '';
  const shown = differences.slice(0, 5).map((line) => (line.length > 200 ? `${line.slice(0, 200)}…` : line));
  throw fail(
    'BackupUnusable',
    `the restore of ${backup.file} is not equal to the backup: ${shown.join('; ').replace(/\s+/g, ' ')}${more}`,
    {
      differences: differences.length,
    },
  );
}

export function contentDifferences(wanted: Contents, found: Contents): string[] {
  const names = [...new Set([...Object.keys(wanted.tables), ...Object.keys(found.tables)])].sort();
  return names.flatMap((name) => {
    const [want, have] = [wanted.tables[name], found.tables[name]];
    if (!want) return [`table ${name} was not in the backup`];
    if (!have) return [`table ${name} is missing`];
    if (want.rows !== have.rows) return [`table ${name} has ${have.rows} rows, not ${want.rows}`];
    return want.hash === have.hash ? [] : [`table ${name} has other content`];
  });
}

/** `keyOf`: what of a line counts. */
export function catalogDifferences(
  wanted: Record<string, string[]>,
  found: Record<string, string[]>,
  keyOf: (line: string) => string = (line) => line,
): string[] {
  return [...new Set([...Object.keys(wanted), ...Object.keys(found)])].flatMap((heading) => {
    const byKey = (lines: string[] = []) => new Map(lines.map((line) => [keyOf(line), line]));
    const [want, have] = [byKey(wanted[heading]), byKey(found[heading])];
    return [
      ...[...want].filter(([key]) => !have.has(key)).map(([, line]) => `${heading}: missing ${line}`),
      ...[...have].filter(([key]) => !want.has(key)).map(([, line]) => `${heading}: unexpected ${line}`),
    ];
  });
}
