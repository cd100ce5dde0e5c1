import { fail } from '../../../errors.js';
import type { Contents, StoreBackup } from '../contract.js';
import { atDatabase } from './address.js';
import { comparable, readCatalog } from './catalog.js';
import { close, connect, withSession } from './connect.js';
import { readContents } from './contents.js';
import type { Link } from './link.js';
import { outOfRange, readPositions } from './sequences.js';

/** What a restored database has otherwise than the manifest says, one line each. Read as the backup role, as the manifest was. */
export async function findDifferences(link: Link, name: string, backup: StoreBackup): Promise<string[]> {
  const address = atDatabase(link.backup, name);
  return withSession(address, link.run, async (session) => {
    const second = await connect(address, link.run);
    try {
      return [
        ...contentDifferences(backup.contents, await readContents([session, second])),
        ...catalogDifferences(backup.catalog, await readCatalog(session)),
        ...outOfRange(backup.catalog.sequences ?? [], await readPositions(session)),
      ];
    } finally {
      await close(second);
    }
  });
}

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

/** Headings `database` and `sequences` are compared apart. */
export function catalogDifferences(wanted: Record<string, string[]>, found: Record<string, string[]>): string[] {
  const headings = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].filter(
    (heading) => !['database', 'sequences'].includes(heading),
  );
  return headings.flatMap((heading) => {
    const have = wordsOf(found[heading] ?? []);
    const want = wordsOf(wanted[heading] ?? []);
    return [
      ...[...want].filter(([key]) => !have.has(key)).map(([, line]) => `${heading}: missing ${line}`),
      ...[...have].filter(([key]) => !want.has(key)).map(([, line]) => `${heading}: unexpected ${line}`),
    ];
  });
}

function wordsOf(lines: string[]): Map<string, string> {
  return new Map(lines.map((line) => [comparable(line), line]));
}
