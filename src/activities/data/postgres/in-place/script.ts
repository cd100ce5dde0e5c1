import { createReadStream } from 'node:fs';
import type { Duplex } from 'node:stream';
import { query, type Session } from '../connect.js';

/** Runs statements that copy nothing. psql's own lines, which guard it against the script, are none of the server's. */
export async function runStatements(session: Session, text: string): Promise<void> {
  const sql = text.replace(/^(?:--.*\n|\s*\n)*\\restrict \w+$/m, '').replace(/^\\unrestrict \w+\s*$(?![\s\S]*\S)/m, '');
  await query(session, sql);
}

/**
 * Runs the script of a dump's data, as pg_restore writes it: rows go to the server as they are read. Large objects come with a transaction of
 * their own, which is left out.
 */
export async function runData(session: Session, file: string): Promise<void> {
  let statements = '';
  let copying: CopyIn | undefined;
  for await (const { line, data } of piecesOf(file)) {
    if (data) await copying?.write(data);
    else if (line === undefined) {
      await copying?.end();
      copying = undefined;
    } else if (copyLine.test(line)) {
      await query(session, statements);
      statements = '';
      copying = new CopyIn(session, line);
      await copying.begun;
    } else if (!/^(BEGIN;|COMMIT;|\\(un)?restrict .*|--.*|)$/.test(line)) {
      statements += `${line}\n`;
      // What a large object holds comes in many lines.
      if (statements.length < 4e6) continue;
      await query(session, statements);
      statements = '';
    }
  }
  await query(session, statements);
}

/** A line outside of rows; rows, in pieces; or the end of rows, as neither. */
type Piece = { line?: string; data?: Buffer };

async function* piecesOf(file: string): AsyncGenerator<Piece> {
  let rest: Buffer = Buffer.alloc(0);
  let inRows = false;
  let midLine = false;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length > 0) {
      if (!inRows) {
        const end = rest.indexOf(10);
        if (end < 0) break;
        const line = rest.toString('utf8', 0, end);
        rest = rest.subarray(end + 1);
        inRows = copyLine.test(line);
        midLine = false;
        yield { line };
        continue;
      }
      if (!midLine && rest.length < endOfRows.length) break;
      const atOnce = !midLine && rest.subarray(0, endOfRows.length).equals(endOfRows);
      const end = atOnce ? 0 : rest.indexOf(`\n${endOfRows.toString()}`) + 1;
      if (atOnce || end > 0) {
        if (end > 0) yield { data: rest.subarray(0, end) };
        yield {};
        rest = rest.subarray(end + endOfRows.length);
        inRows = false;
        continue;
      }
      // What is left then begins a line, and may be the beginning of the end.
      const lines = rest.lastIndexOf(10) + 1;
      midLine = lines === 0;
      yield { data: midLine ? rest : rest.subarray(0, lines) };
      rest = midLine ? Buffer.alloc(0) : rest.subarray(lines);
    }
  }
  if (inRows) throw new Error(`${file} ends within rows`);
  if (rest.length > 0) yield { line: rest.toString('utf8') };
}

const copyLine = /^COPY .* FROM stdin;$/;
const endOfRows = Buffer.from('\\.\n');

/** What `pg` lends to a query of one's own; its types do not tell. */
interface Connection {
  stream: Duplex;
  query(text: string): void;
  sendCopyFromChunk(data: Buffer): void;
  endCopyFrom(): void;
}

/** One `COPY … FROM stdin`, which `pg` knows the messages of, but has no call for. */
class CopyIn {
  readonly begun: Promise<void>;
  private readonly done: Promise<void>;
  private failed: Error | undefined;
  private connection!: Connection;
  private start!: () => void;
  private finish!: () => void;
  private stop!: (error: Error) => void;

  constructor(
    session: Session,
    private readonly text: string,
  ) {
    const begun = new Promise<void>((resolve) => (this.start = resolve));
    this.done = new Promise<void>((resolve, reject) => {
      this.finish = resolve;
      this.stop = reject;
    });
    // Also where nobody waits for it any more.
    this.done.catch(() => undefined);
    this.begun = Promise.race([begun, this.done]);
    session.query(this as never);
  }

  /** Rows of the copy, as they stand in the script. */
  async write(data: Buffer): Promise<void> {
    if (this.failed) throw this.failed;
    const { stream } = this.connection;
    this.connection.sendCopyFromChunk(data);
    if (!stream.writableNeedDrain) return;
    const drained = new Promise<void>((resolve) => stream.once('drain', resolve));
    await Promise.race([drained, this.done]);
  }

  async end(): Promise<void> {
    if (!this.failed) this.connection.endCopyFrom();
    await this.done;
  }

  // What `pg` calls on a query of its own making.
  submit(connection: Connection): void {
    this.connection = connection;
    connection.query(this.text);
  }
  handleCopyInResponse(): void {
    this.start();
  }
  handleError(error: Error): void {
    this.failed = error;
    this.stop(error);
  }
  handleCommandComplete(): void {
    // What counts is that the server is ready again.
  }
  handleReadyForQuery(): void {
    this.finish();
  }
}
