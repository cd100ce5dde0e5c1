import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../errors.js';
import type { HistoryEntry } from '../model.js';
import { appendDurably, makeFolder, readText, syncFolder } from './files.js';
import { withLock } from './lock.js';

/** The runs that ended, oldest first; a torn last line counts as not written. Throws Drift where another line is unreadable. */
export async function readHistory(home: string): Promise<HistoryEntry[]> {
  return (await load(home)).entries;
}

/** Durable; a second append of the same run does nothing. */
export async function appendHistory(home: string, entry: HistoryEntry): Promise<void> {
  const path = pathOf(home);
  await makeFolder(home);
  await withLock(
    join(home, 'history.lock'),
    `run ${entry.run}`,
    async () => {
      const { entries, goodBytes, torn, missing } = await load(home);
      if (torn) await truncate(path, goodBytes);
      if (entries.some(({ run }) => run === entry.run)) return;
      await appendDurably(path, `${JSON.stringify(entry)}\n`);
      if (missing) await syncFolder(home);
    },
    { waitMs: 10_000 },
  );
}

/** The newest entry that says what runs now; undefined before the first deploy. */
export function currentEntry(entries: HistoryEntry[]): HistoryEntry | undefined {
  return entries.findLast(
    ({ current, outcome }) => current !== undefined && outcome !== 'failed-unchanged' && outcome !== 'no-go',
  );
}

interface Loaded {
  entries: HistoryEntry[];
  /** Up to the end of the last whole line. */
  goodBytes: number;
  torn: boolean;
  missing: boolean;
}

async function load(home: string): Promise<Loaded> {
  const text = await readText(pathOf(home));
  if (text === undefined) return { entries: [], goodBytes: 0, torn: false, missing: true };
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  const entries: HistoryEntry[] = [];
  let goodBytes = 0;
  for (const [index, line] of lines.entries()) {
    const entry = parse(line);
    if (entry === undefined) {
      if (index === lines.length - 1) return { entries, goodBytes, torn: true, missing: false };
      throw fail('Drift', `${pathOf(home)}:${index + 1} is no history entry: put the file back as it was`);
    }
    entries.push(entry);
    goodBytes += Buffer.byteLength(line) + 1;
  }
  return { entries, goodBytes, torn: rest !== '', missing: false };
}

function parse(line: string): HistoryEntry | undefined {
  try {
    return JSON.parse(line) as HistoryEntry;
  } catch {
    return undefined;
  }
}

function pathOf(home: string): string {
  return join(home, 'history.jsonl');
}
