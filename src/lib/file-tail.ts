import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
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
    const lines = (this.#rest + this.#readNew()).split(/\r?\n|\r/);
    this.#rest = lines.pop() ?? '';
    const last = lines.findLast((line) => line.trim() !== '');
    if (last !== undefined) this.onLine(this.redactor.redact(last.trimEnd()));
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
