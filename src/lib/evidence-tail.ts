import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEntry } from './evidence-chain.js';
import { writeAtomic } from './files.js';

/** What an append must know of the file: its end, and the ids that stand in it. */
export interface EvidenceTail {
  size: number;
  seq: number;
  head: string;
  ids: Set<string>;
}

interface TornNote {
  id: string;
  kind: 'torn-tail';
  data: { file: string };
}

/**
 * Reads the file's end, and moves a last line that was not written to its end into `evidence.torn-<n>`. Each such file is
 * to be noted by an entry; the notes are made from the files, so a crash between the cut and the note loses none.
 * `size` is the file's, 0 where there is none. Only under the evidence's lock.
 */
export async function loadTail(folder: string, size: number): Promise<{ tail: EvidenceTail; notes: TornNote[] }> {
  const path = join(folder, 'evidence.jsonl');
  const content = size === 0 ? Buffer.alloc(0) : await readFile(path);
  const good = goodBytes(content);
  const torn = await tornFiles(folder);
  if (good < content.length) {
    const file = `evidence.torn-${torn.length + 1}`;
    await writeAtomic(join(folder, file), content.subarray(good));
    await truncate(path, good);
    torn.push(file);
  }
  const tail = tailOf(content.subarray(0, good));
  return {
    tail,
    notes: torn.map((file) => ({ id: file.replace('evidence.', ''), kind: 'torn-tail', data: { file } })),
  };
}

function goodBytes(content: Buffer): number {
  const end = content.lastIndexOf('\n') + 1;
  const start = content.lastIndexOf('\n', end - 2) + 1;
  const whole = end === 0 || parseEntry(content.toString('utf8', end > 1 ? start : 0, end - 1)) !== undefined;
  return whole ? end : start;
}

function tailOf(content: Buffer): EvidenceTail {
  const entries = content
    .toString('utf8')
    .split('\n')
    .flatMap((line) => parseEntry(line) ?? []);
  const last = entries.at(-1);
  return {
    size: content.length,
    seq: last?.seq ?? 0,
    head: last?.hash ?? '',
    ids: new Set(entries.map(({ id }) => id)),
  };
}

async function tornFiles(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /^evidence\.torn-\d+$/.test(name));
  return names.sort((a, b) => Number(a.split('-')[1]) - Number(b.split('-')[1]));
}
