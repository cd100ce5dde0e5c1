import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { lastLine } from './last-line.js';
import type { Redactor } from './secret.js';

const tailLength = 8 * 1024;

export interface LogFile {
  path: string;
  bytes: number;
  sha256: string;
}

/** The beginning of an output, at most that many bytes. Kept as it came, outside of the heap, and made a text only where it is read. */
export class OutputStart {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #cut = false;

  constructor(
    private readonly redactor: Redactor,
    private readonly limit: number,
  ) {}

  get cut(): boolean {
    return this.#cut;
  }

  add(chunk: Buffer): void {
    if (this.#cut) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#cut = this.#bytes > this.limit;
  }

  /** Redacted. Of a secret that was cut, a piece can only stand at the very end, which is left out. */
  read(): string {
    const text = this.redactor.redact(Buffer.concat(this.#chunks).toString());
    return this.#cut ? text.slice(0, Math.min(this.limit, text.length - Math.max(1, this.redactor.longest))) : text;
  }
}

/** The end of an output; secrets are removed when it is read, so that one split over two chunks is found. */
export class OutputTail {
  #text = '';
  #cut = false;

  constructor(private readonly redactor: Redactor) {}

  add(text: string): void {
    this.#text += text;
    // Some more than the limit, since a secret may lie across it.
    const room = tailLength + this.redactor.longest;
    if (this.#text.length <= room * 4) return;
    this.#cut = true;
    this.#text = this.#text.slice(-room * 2);
  }

  /** Redacted, and not longer than the limit. */
  read(): string {
    const text = this.redactor.redact(this.#text);
    return text.slice(this.#cut ? this.redactor.longest : 0).slice(-tailLength);
  }
}

/** Calls `onLine` with the last whole line of what came at once, redacted: a person sees no more of a million. */
export function lineReader(
  redactor: Redactor,
  onLine: (line: string) => void,
): { add(text: string): void; end(): void } {
  let rest = '';
  const take = (text: string): void => {
    const last = lastLine(text);
    rest = last.rest;
    if (last.line !== undefined) onLine(redactor.redact(last.line));
  };
  return { add: (text) => take(rest + text), end: () => take(`${rest}\n`) };
}

/**
 * Turns the raw output of a command that ended into its redacted log, and removes the raw file. The log appears whole or
 * not at all, so a second call, after a crash anywhere in the first, ends the same.
 */
export async function sealLog(raw: string, log: string, redactor: Redactor): Promise<LogFile & { tail: string }> {
  if (!existsSync(log))
    await writeRedacted(raw, log, redactor).catch((error: unknown) => {
      // Another call was faster, and took the raw file away.
      if (!existsSync(log)) throw error;
    });
  await unlink(raw).catch(ignoreMissing);
  return describe(log);
}

async function writeRedacted(raw: string, log: string, redactor: Redactor): Promise<void> {
  const temporary = `${log}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    for await (const block of wholeLines(raw)) await file.write(redactor.redact(block));
    await file.datasync();
  } catch (error) {
    await unlink(temporary).catch(ignoreMissing);
    throw error;
  } finally {
    await file.close();
  }
  await rename(temporary, log);
}

async function* wholeLines(path: string): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of blocks(path)) {
    const text = rest + decoder.write(chunk);
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    if (end > 0) yield text.slice(0, end);
  }
  rest += decoder.end();
  if (rest) yield rest;
}

async function describe(path: string): Promise<LogFile & { tail: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  let end = Buffer.alloc(0);
  for await (const chunk of blocks(path)) {
    hash.update(chunk);
    bytes += chunk.length;
    end = Buffer.concat([end.subarray(-tailLength), chunk.subarray(-tailLength)]);
  }
  return { path, bytes, sha256: hash.digest('hex'), tail: end.subarray(-tailLength).toString() };
}

/** Each is good until the next: a stream would leave its buffers behind by the hundred. Nothing where there is no file. */
async function* blocks(path: string): AsyncGenerator<Buffer> {
  const file = await open(path).catch(ignoreMissing);
  if (!file) return;
  try {
    const buffer = Buffer.alloc(64 * 1024);
    for (;;) {
      const { bytesRead } = await file.read(buffer);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
