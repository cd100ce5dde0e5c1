import { randomBytes } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../errors.js';
import { readEntries, sealEntry } from './evidence-chain.js';
import type { EvidenceEntry } from './evidence-chain.js';
import { loadTail } from './evidence-tail.js';
import type { EvidenceTail } from './evidence-tail.js';
import { appendDurably, makeFolder, syncFolder, writeAtomic } from './files.js';
import { withLock } from './lock.js';

export { verifyEvidence } from './evidence-chain.js';
export type { EvidenceEntry, EvidenceVerdict } from './evidence-chain.js';

export interface NewEntry {
  /** The same id a second time changes nothing. */
  id: string;
  kind: string;
  /** @default now */
  at?: string;
  data: Record<string, unknown>;
}

const tails = new Map<string, EvidenceTail>();

/**
 * Appends one entry, durably, and returns the hash of the chain's last one. On a full disk the reserve is given up first.
 * Throws EvidenceUnwritable.
 */
export async function appendEvidence(folder: string, entry: NewEntry): Promise<string> {
  try {
    return await appendLocked(folder, entry);
  } catch (error) {
    tails.delete(folder);
    if (!isFull(error)) throw unwritable(folder, error);
  }
  rmSync(join(folder, 'evidence.reserve'), { force: true });
  try {
    return await appendLocked(folder, entry);
  } catch (error) {
    tails.delete(folder);
    throw unwritable(folder, error);
  }
}

/** Takes room on the disk now, so that the end of a run can be written even when the disk has filled up. */
export async function reserveSpace(folder: string, bytes = 1 << 20): Promise<void> {
  const path = join(folder, 'evidence.reserve');
  if (statSync(path, { throwIfNoEntry: false })?.size === bytes) return;
  await makeFolder(folder);
  // Random, since a file system that compresses would keep no room for zeros.
  await writeAtomic(path, randomBytes(bytes));
}

/** Entries in the order of the file; a torn last line is left out. */
export async function readEvidence(folder: string): Promise<EvidenceEntry[]> {
  return (await readEntries(folder)).flatMap(({ entry }) => entry ?? []);
}

/** Hash of the last entry; '' where there is none. */
export async function evidenceHead(folder: string): Promise<string> {
  return (await readEvidence(folder)).at(-1)?.hash ?? '';
}

async function appendLocked(folder: string, { id, kind, at, data }: NewEntry): Promise<string> {
  await makeFolder(folder);
  const work = async (): Promise<string> => {
    const path = join(folder, 'evidence.jsonl');
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    let tail = tails.get(folder);
    if (tail?.size !== size) {
      const loaded = await loadTail(folder, size);
      tail = loaded.tail;
      for (const note of loaded.notes) if (!tail.ids.has(note.id)) await append(path, tail, { ...note, at: now() });
    }
    if (!tail.ids.has(id)) await append(path, tail, { id, kind, at: at ?? now(), data });
    tails.set(folder, tail);
    return tail.head;
  };
  return withLock(join(folder, 'evidence.lock'), 'evidence', work, { waitMs: 30_000 });
}

async function append(path: string, tail: EvidenceTail, entry: Required<NewEntry>): Promise<void> {
  const sealed = sealEntry({ seq: tail.seq + 1, ...entry, prev: tail.head });
  const line = `${JSON.stringify(sealed)}\n`;
  try {
    await appendDurably(path, line);
  } catch (error) {
    // Half a line may stand there; the next append would cut it too, but with a note that it was torn.
    await truncate(path, tail.size).catch(() => undefined);
    throw error;
  }
  if (tail.size === 0) await syncFolder(join(path, '..'));
  tail.seq = sealed.seq;
  tail.head = sealed.hash;
  tail.size += Buffer.byteLength(line);
  tail.ids.add(entry.id);
}

function now(): string {
  return new Date().toISOString();
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function unwritable(folder: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  return fail(
    'EvidenceUnwritable',
    `${join(folder, 'evidence.jsonl')} cannot be written (${code ?? message}): make room, or correct its rights`,
  );
}
