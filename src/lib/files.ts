import { createHash } from 'node:crypto';
import {
  constants,
  closeSync,
  createReadStream,
  fdatasync,
  fsync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ownName } from './own-name.js';

const syncContent = promisify(fdatasync);
const syncAll = promisify(fsync);
const written = new Map<string, string>();

/** How the name begins of what is not yet under its own: whoever was killed in the middle leaves it, for `removeAbandoned`. */
export const temporaries = '.tmp-';

/** Replaces the file in one moment; once this returns, the new content survives a power cut. */
export async function writeAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  await replaceFile(path, content, mode);
  await syncFolder(dirname(path));
}

/** As `writeAtomic`, and free where this process wrote that very content last, and it still stands there. */
export async function keepWritten(path: string, content: string, mode = 0o600): Promise<void> {
  if (written.get(path) === content && (await readText(path)) === content) return;
  written.delete(path);
  await writeAtomic(path, content, mode);
  if (written.size >= 100) written.clear();
  written.set(path, content);
}

/** Writes over the start of a file, durably, where it lies: cheap, but a power cut may tear it. */
export async function overwrite(path: string, content: string, mode = 0o600): Promise<void> {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, mode);
  try {
    writeSync(file, content, 0);
    await syncContent(file);
  } finally {
    closeSync(file);
  }
}

/** As `writeAtomic`, but after a power cut the old content may stand again. It never is a mixture. */
export async function replaceFile(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = join(dirname(path), ownName(temporaries));
  try {
    await writeDurably(temporary, 'w', content, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw naming(path, error);
  }
}

/** What fails on a file that is open, as on a full disk, does not say by itself which one it is. */
function naming(path: string, error: unknown): unknown {
  const { code, path: named } = error as NodeJS.ErrnoException;
  if (code === undefined || named !== undefined || !(error instanceof Error)) return error;
  error.message = `${path} cannot be written: ${error.message}`;
  return error;
}

/** Once this returns, the text stands at the file's end, and survives a power cut. */
export async function appendDurably(path: string, text: string, mode = 0o600): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
  await writeDurably(path, flags, text, mode).catch((error: unknown) => {
    throw naming(path, error);
  });
}

/** With all its parents; once this returns, they survive a power cut. */
export async function makeFolder(path: string, mode = 0o700): Promise<void> {
  const first = mkdirSync(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

export async function syncFolder(folder: string): Promise<void> {
  const descriptor = openSync(folder, 'r');
  try {
    await syncAll(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** undefined where there is no such file; throws where it is no JSON. */
export async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readText(path);
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

/** undefined where there is no such file. Reads at once: for records, which are small, four trips to the thread pool cost more than they save. */
export async function readText(path: string): Promise<string | undefined> {
  return readTextSync(path);
}

/** undefined where there is no such file. */
export function readTextSync(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/**
 * As `sha256File`, of a file that is there, and that `written` goes on writing from its start to its end. What comes is brought to the disk
 * meanwhile, so that little has to be waited for; at the end the file survives a power cut. Fails as `written` does, and never before it has ended.
 */
export async function sha256Written(path: string, written: Promise<unknown>): Promise<string> {
  const over = new AbortController();
  const end = written.finally(() => over.abort());
  end.catch(() => undefined);
  const pause = (ms: number) => sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  const hashAll = async () => {
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      const last = over.signal.aborted;
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead > 0) hash.update(buffer.subarray(0, bytesRead));
      else if (last) return;
      else await pause(10);
    }
  };
  try {
    await Promise.all([end, hashAll(), syncMeanwhile(path, end)]);
    return hash.digest('hex');
  } finally {
    await end.catch(() => undefined);
    await file.close();
  }
}

/** Brings what `written` writes to `path`, a file that is there, to the disk meanwhile: at the end it survives a power cut, after a short wait. Fails as `written` does. */
export async function syncMeanwhile(path: string, written: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const end = written.finally(() => over.abort());
  end.catch(() => undefined);
  const file = await open(path, 'r');
  try {
    while (!over.signal.aborted) {
      await sleep(250, undefined, { signal: over.signal }).catch(() => undefined);
      await file.datasync();
    }
    await end;
    await file.sync();
  } finally {
    await end.catch(() => undefined);
    await file.close();
  }
}

/** sha256 over canonical JSON: the same for equal values, whatever the order of their keys. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

async function writeDurably(
  path: string,
  flags: string | number,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const descriptor = openSync(path, flags, mode);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
    await syncContent(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
