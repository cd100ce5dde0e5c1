import { query, type Session } from './connect.js';

/** Where each sequence stands: the value that `nextval` moves on from. */
export type Positions = Record<string, { at: bigint; cycles: boolean }>;

/** Sequences ignore snapshots: a dump holds some value between two readings, one before it and one after. */
export async function readPositions(session: Session): Promise<Positions> {
  const sequences = await query<{ name: string; by: string; cycles: boolean }>(session, listed);
  const positions: Positions = {};
  for (let start = 0; start < sequences.length; start += 100) {
    const batch = sequences.slice(start, start + 100);
    const selects = batch.map(
      ({ name, by }, index) =>
        `SELECT ${index} AS index, (last_value::numeric - CASE WHEN is_called THEN 0 ELSE ${by} END)::text AS at FROM ${name}`,
    );
    for (const { index, at } of await query<{ index: number; at: string }>(session, selects.join(' UNION ALL '))) {
      const { name, cycles } = batch[index]!;
      positions[name] = { at: BigInt(at), cycles };
    }
  }
  return positions;
}

/** `name from 5 to 9`, for the manifest. */
export function rangeLines(before: Positions, after: Positions): string[] {
  return Object.entries(before)
    .map(([name, { at, cycles }]) => {
      const [low, high] = order(at, after[name]?.at ?? at);
      return cycles ? `${name} cycles` : `${name} from ${low} to ${high}`;
    })
    .sort();
}

/** Differences between the manifest's ranges and where the restored sequences stand. */
export function outOfRange(lines: string[], found: Positions): string[] {
  return lines.flatMap((line) => {
    const [, name = '', low, high] = /^(.*) (?:cycles|from (-?\d+) to (-?\d+))$/s.exec(line) ?? [];
    const position = found[name];
    if (!position) return [`sequence ${name} is missing`];
    if (low === undefined || high === undefined) return [];
    return position.at < BigInt(low) || position.at > BigInt(high)
      ? [`sequence ${name} is at ${position.at}, not within ${low} to ${high}`]
      : [];
  });
}

function order(a: bigint, b: bigint): [bigint, bigint] {
  return a < b ? [a, b] : [b, a];
}

const listed = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name, s.seqincrement::text AS by, s.seqcycle AS cycles
  FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1`;
