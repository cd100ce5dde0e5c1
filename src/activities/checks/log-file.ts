import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { fail } from '../../errors.js';

/** More is not searched; of a container's log as much is read. */
const MOST = 4 * 1024 * 1024;
const SAMPLE = 256;

/** How far a file was written: its size, and a hash of what stood just before its end, which tells a file that was begun anew. */
export interface LogMark {
  size: number;
  last: string;
}

/** Undefined where there is no file yet: all that it will hold is new. */
export async function markLog(path: string): Promise<LogMark | undefined> {
  return withFile(path, async (file) => {
    const { size } = await file.stat();
    return { size, last: await lastBefore(file, size) };
  }).catch(() => undefined);
}

/** What was written since the mark; without one, or where the file was begun anew, all of it. Throws DataRefused. */
export async function linesSince(path: string, mark?: LogMark): Promise<{ lines: string[]; cut: boolean }> {
  return withFile(path, async (file) => {
    const { size } = await file.stat();
    const goesOn = mark && mark.size <= size && (await lastBefore(file, mark.size)) === mark.last;
    const begin = Math.max(goesOn ? mark.size : 0, size - MOST);
    const text = (await readPart(file, begin, size)).toString('utf8');
    return { lines: text.split(/\r?\n/), cut: size - MOST > (goesOn ? mark.size : 0) };
  });
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => error);
  if (file instanceof Error) throw fail('DataRefused', `${path} cannot be read (${file.code})`);
  return use(file).finally(() => file.close());
}

async function lastBefore(file: FileHandle, end: number): Promise<string> {
  const bytes = await readPart(file, Math.max(0, end - SAMPLE), end);
  return createHash('sha256').update(bytes).digest('hex');
}

async function readPart(file: FileHandle, begin: number, end: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(end - begin), 0, end - begin, begin);
  return buffer.subarray(0, bytesRead);
}
