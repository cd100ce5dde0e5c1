import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import type { Redactor } from './secret.js';

const tailLength = 8 * 1024;

export interface LogFile {
  path: string;
  bytes: number;
  sha256: string;
}

/** Collects output as it comes; secrets are removed when it is read, so that one split over two chunks is found. */
export class OutputBuffer {
  readonly #redactor: Redactor;
  readonly #limit: number;
  readonly #keep: 'start' | 'end';
  #text = '';
  #cut = false;

  constructor(redactor: Redactor, keep: 'start' | 'end', limit: number) {
    this.#redactor = redactor;
    this.#keep = keep;
    this.#limit = limit;
  }

  static tail(redactor: Redactor): OutputBuffer {
    return new OutputBuffer(redactor, 'end', tailLength);
  }

  get cut(): boolean {
    return this.#cut;
  }

  add(text: string): void {
    if (this.#keep === 'start' && this.#cut) return;
    this.#text += text;
    // Some more than the limit, since a secret may lie across it.
    const room = this.#limit + this.#redactor.longest;
    if (this.#text.length <= (this.#keep === 'start' ? room : room * 4)) return;
    this.#cut = true;
    this.#text = this.#keep === 'start' ? this.#text.slice(0, room) : this.#text.slice(-room * 2);
  }

  /** Redacted, and not longer than the limit. */
  read(): string {
    const text = this.#redactor.redact(this.#text);
    // Of a secret that was cut, a piece can only stand at the very end that was cut off.
    const spoilt = this.#cut ? this.#redactor.longest : 0;
    if (this.#keep === 'start') return text.slice(0, Math.min(this.#limit, text.length - spoilt));
    return text.slice(spoilt).slice(-this.#limit);
  }
}

/** Calls `onLine` with each whole line, redacted; blank ones are left out. */
export function lineReader(
  redactor: Redactor,
  onLine: (line: string) => void,
): { add(text: string): void; end(): void } {
  let rest = '';
  const emit = (line: string): void => {
    if (line.trim() !== '') onLine(redactor.redact(line.trimEnd()));
  };
  return {
    add(text) {
      const lines = (rest + text).split(/\r?\n|\r/);
      rest = lines.pop() ?? '';
      lines.forEach(emit);
    },
    end() {
      emit(rest);
      rest = '';
    },
  };
}

/**
 * Turns the raw output of a command that ended into its redacted log, and removes the raw file. The log appears whole or
 * not at all, so a second call, after a crash anywhere in the first, ends the same.
 */
export async function sealLog(raw: string, log: string, redactor: Redactor): Promise<LogFile & { tail: string }> {
  if (!existsSync(log)) await writeRedacted(raw, log, redactor);
  await unlink(raw).catch(ignoreMissing);
  return describe(log, redactor);
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
  if (!existsSync(path)) return;
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const text = rest + decoder.write(chunk);
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    if (end > 0) yield text.slice(0, end);
  }
  rest += decoder.end();
  if (rest) yield rest;
}

async function describe(path: string, redactor: Redactor): Promise<LogFile & { tail: string }> {
  const hash = createHash('sha256');
  const decoder = new StringDecoder('utf8');
  const tail = OutputBuffer.tail(redactor);
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    tail.add(decoder.write(chunk));
  }
  return { path, bytes, sha256: hash.digest('hex'), tail: tail.read() };
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
