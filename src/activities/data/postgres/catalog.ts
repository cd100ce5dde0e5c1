import { catalogQueries } from './catalog-queries.js';
import { query, type Session } from './connect.js';

/** Sorted lines by heading: all that a restore must bring back beside the rows. Sequences and the database itself are read apart. */
export async function readCatalog(session: Session): Promise<Record<string, string[]>> {
  const catalog: Record<string, string[]> = {};
  for (const [heading, sql] of Object.entries(catalogQueries)) {
    const rows = await query<{ line: string }>(session, sql);
    catalog[heading] = rows.map(({ line }) => line).sort();
  }
  return catalog;
}

/**
 * The server prints an expression differently once it was restored (`(x)::text = ANY ((ARRAY['a'::varchar])::text[])` comes back with the
 * cast inside): casts, parentheses and spaces are left out of the comparison.
 */
export function comparable(line: string): string {
  return line.replace(cast, '').replace(/[\s()]/g, '');
}

const simpleType = String.raw`(?:character varying|double precision|bit varying|"(?:[^"]|"")+"|\w+)`;
const cast = new RegExp(
  String.raw`::(?:time(?:stamp)?(?:\(\d\))? with(?:out)? time zone|${simpleType}(?:\.${simpleType})?(?:\(\d+(?:,\d+)?\))?)(?:\[\])*`,
  'g',
);
