import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { lastLine } from './last-line.js';
import type { Redactor } from './secret.js';

/** Only the end of what is new is kept: a line longer than this is shown from its middle. */
const windowBytes = 64 * 1024;

/** Shows the last whole line of a file that grows, redacted, each time it is another one. */
export class FileTail {
  #offset = 0;
  #rest = '';
  #decoder = new StringDecoder('utf8');
  readonly #buffer = Buffer.alloc(windowBytes);

  constructor(
    private readonly path: string,
    private readonly redactor: Redactor,
    private readonly onLine: (line: string) => void,
  ) {}

  read(): void {
    const text = this.#readNew();
    const { line, rest } = lastLine(this.#rest + text);
    this.#rest = rest;
    if (line !== undefined) this.onLine(this.redactor.redact(line));
  }

  #readNew(): string {
    let descriptor: number;
    try {
      descriptor = openSync(this.path, 'r');
    } catch {
      return '';
    }
    try {
      let text = '';
      // A loud tool wrote more since the last look than anybody will see.
      const behind = fstatSync(descriptor).size - windowBytes;
      if (behind > this.#offset) {
        this.#offset = behind;
        this.#rest = '';
        this.#decoder = new StringDecoder('utf8');
      }
      for (;;) {
        const bytes = readSync(descriptor, this.#buffer, 0, windowBytes, this.#offset);
        if (bytes === 0) return text;
        this.#offset += bytes;
        text = text.slice(-windowBytes) + this.#decoder.write(this.#buffer.subarray(0, bytes));
      }
    } finally {
      closeSync(descriptor);
    }
  }
}
