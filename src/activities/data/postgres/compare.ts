import { allEnded } from '../../../lib/all-ended.js';
import type { StoreBackup } from '../contract.js';
import { catalogDifferences, contentDifferences } from '../differences.js';
import { atDatabase } from './address.js';
import { comparable, readCatalog } from './catalog.js';
import { withSession, type Session } from './connect.js';
import { readContents } from './contents.js';
import type { Link } from './link.js';
import { outOfRange, readPositions } from './sequences.js';

/** What a restored database has otherwise than the manifest says, one line each. Read as the backup role, as the manifest was. */
export async function findDifferences(link: Link, name: string, backup: StoreBackup): Promise<string[]> {
  const address = atDatabase(link.backup, name);
  const inside = <T>(read: (session: Session) => Promise<T>) => withSession(address, link.run, read);
  const [contents, rest] = await allEnded([
    inside((one) => inside((other) => readContents([one, other]))),
    inside(async (session) => [
      ...catalogDifferences(without(backup.catalog), without(await readCatalog(session)), comparable),
      ...outOfRange(backup.catalog.sequences ?? [], await readPositions(session)),
    ]),
  ]);
  return [...contentDifferences(backup.contents, contents), ...rest];
}

/** Headings `database` and `sequences` are compared apart. */
export function without(catalog: Record<string, string[]>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(catalog).filter(([heading]) => !['database', 'sequences'].includes(heading)),
  );
}
