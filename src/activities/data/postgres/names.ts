import { createHash } from 'node:crypto';
import { escapeIdentifier } from 'pg';

export { escapeIdentifier as quoteName, escapeLiteral as quoteText } from 'pg';

/** p: scratch of a proof. t: scratch for a caller. s: standby copy. r: replaced. c, d: a pair that tries rights. */
export type Side = 'p' | 't' | 's' | 'r' | 'c' | 'd';

/** Names that Slipway may drop: its own scratch, and a standby copy that never was finished. */
const droppable = /__[ptscd]_[0-9a-f]{12}$/;

/**
 * Name of a database beside `database`: at most 63 bytes, PostgreSQL's limit, and the same for the same `about`.
 * The database's whole name is part of the hash, so that two long names with one beginning stay apart.
 */
export function sideName(database: string, side: Side, ...about: string[]): string {
  const hash = createHash('sha256')
    .update([database, ...about].join('\0'))
    .digest('hex')
    .slice(0, 12);
  return `${firstBytes(database, 63 - 5 - 12)}__${side}_${hash}`;
}

/** Whether a name is one that `sideName` gives to what is dropped again. */
export function isScratchOf(database: string, name: string): boolean {
  return droppable.test(name) && name.replace(droppable, '') === firstBytes(database, 63 - 5 - 12);
}

/** Quoted, or an error where the name is not one that may be dropped. */
export function quoteDroppable(name: string): string {
  if (!droppable.test(name)) throw new Error(`refusing to drop ${name}: it is no scratch of Slipway's`);
  return escapeIdentifier(name);
}

/** Cuts by bytes but never inside a character. */
function firstBytes(text: string, bytes: number): string {
  let cut = '';
  for (const character of text) {
    if (Buffer.byteLength(cut + character) > bytes) break;
    cut += character;
  }
  return cut;
}

/** SQL for `schema.table` as people write it; quoted only where a dot or a quote inside a name would leave it unclear. */
export const tableKey = (schema: string, table: string) =>
  `CASE WHEN ${schema} || ${table} ~ '[."]' THEN format('%I.%I', ${schema}, ${table}) ELSE ${schema} || '.' || ${table} END`;
