import { join } from 'node:path';
import { hashOf, readText } from './files.js';

/** One line of `evidence.jsonl`; `hash` is over canonical JSON of the other fields, `prev` is the entry's before it. */
export interface EvidenceEntry {
  /** 1-based. */
  seq: number;
  id: string;
  at: string;
  kind: string;
  data: Record<string, unknown>;
  prev: string;
  hash: string;
}

export type EvidenceVerdict =
  | { ok: true; entries: number; head: string }
  /** `entry` is the seq of the first one that is not as it was written. */
  | { ok: false; entry: number; problem: string };

interface Line {
  entry: EvidenceEntry | undefined;
  /** Written to its end. */
  whole: boolean;
}

/**
 * Says whether the record is as it was written, and if not, which entry is the first that was changed, dropped, inserted or
 * moved. A tail that was cut off whole is only seen with the head that was noted elsewhere (the history).
 */
export async function verifyEvidence(folder: string, expectedHead?: string): Promise<EvidenceVerdict> {
  const lines = await readEntries(folder);
  let head = '';
  for (const [index, line] of lines.entries()) {
    const problem = problemAt(lines, index, head, expectedHead);
    if (problem) return { ok: false, ...problem };
    head = line.entry?.hash ?? '';
  }
  if (expectedHead === undefined || expectedHead === head) return { ok: true, entries: lines.length, head };
  const known = lines.findIndex(({ entry }) => entry?.hash === expectedHead);
  if (known >= 0) return broken(known + 2, `entry ${known + 2} was added after the end that was noted`);
  if (expectedHead === '') return broken(1, 'entry 1 was added after the end that was noted');
  return broken(lines.length + 1, `entry ${lines.length + 1} is missing, or the one before it was changed`);
}

export function sealEntry(entry: Omit<EvidenceEntry, 'hash'>): EvidenceEntry {
  // As it will be read back: what JSON drops must not be in the hash.
  const stored = JSON.parse(JSON.stringify(entry)) as Omit<EvidenceEntry, 'hash'>;
  return { ...stored, hash: hashOf(stored) };
}

export async function readEntries(folder: string): Promise<Line[]> {
  const text = (await readText(join(folder, 'evidence.jsonl'))) ?? '';
  const parts = text.split('\n');
  const rest = parts.pop();
  const lines: Line[] = parts.map((part) => ({ entry: parseEntry(part), whole: true }));
  if (rest) lines.push({ entry: undefined, whole: false });
  return lines;
}

export function parseEntry(line: string): EvidenceEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<EvidenceEntry> | null;
    return typeof entry?.seq === 'number' && typeof entry.hash === 'string' ? (entry as EvidenceEntry) : undefined;
  } catch {
    return undefined;
  }
}

function problemAt(
  lines: Line[],
  index: number,
  head: string,
  expectedHead?: string,
): { entry: number; problem: string } | undefined {
  const wanted = index + 1;
  const { entry, whole } = lines[index] ?? { entry: undefined, whole: false };
  if (!whole) return { entry: wanted, problem: `entry ${wanted} was not written to its end` };
  if (!entry) return { entry: wanted, problem: `entry ${wanted} is not readable` };
  if (entry.seq < wanted)
    return { entry: entry.seq, problem: `entry ${entry.seq} stands there twice, again on line ${wanted}` };
  if (entry.seq > wanted) return { entry: wanted, problem: missingOrMoved(lines, wanted) };
  if (!isSealed(entry)) return { entry: wanted, problem: changedOrInserted(lines, index, head) };
  if (entry.prev === head) return undefined;
  // Both are sound in themselves, so one was rewritten with a new hash. If the rest of the chain builds on this one, it was the other.
  const next = lines[index + 1]?.entry?.prev ?? expectedHead;
  const changed = next === entry.hash && index > 0 ? wanted - 1 : wanted;
  return {
    entry: changed,
    problem: `entry ${changed} was changed: entry ${wanted} does not follow from the one before it`,
  };
}

function missingOrMoved(lines: Line[], wanted: number): string {
  const line = lines.findIndex(({ entry }) => entry?.seq === wanted);
  return line < 0 ? `entry ${wanted} is missing` : `entry ${wanted} was moved to line ${line + 1}`;
}

function changedOrInserted(lines: Line[], index: number, head: string): string {
  const genuine = lines[index + 1]?.entry;
  const inserted = genuine?.seq === index + 1 && genuine.prev === head && isSealed(genuine);
  return inserted ? `an entry was inserted before entry ${index + 1}` : `entry ${index + 1} was changed`;
}

function isSealed({ hash, ...rest }: EvidenceEntry): boolean {
  return hashOf(rest) === hash;
}

function broken(entry: number, problem: string): EvidenceVerdict {
  return { ok: false, entry, problem };
}
