import type { ConnectionFlags } from '../lib/connection.js';
import type { Style } from '../view/style.js';

/** What a command may do to the world outside of Temporal: the terminal, or a test. */
export interface Cli {
  /** Data: lines of stdout. */
  out(text: string): void;
  /** All the rest: lines of stderr. */
  say(text: string): void;
  /** One line that is overwritten by the next; shown on a terminal only. '' removes it. */
  live(text: string): void;
  /** Whether `live` shows anything. */
  moving: boolean;
  env: Record<string, string | undefined>;
  /** Whether somebody is there who could answer from another terminal. */
  person: boolean;
  outStyle: Style;
  sayStyle: Style;
  /** Aborts at Ctrl-C or SIGTERM, the first of which from then on no longer ends the process. */
  interrupted(): AbortSignal;
}

export interface Flags extends ConnectionFlags {
  json?: boolean;
}

/** One JSON value, for machines. */
export function outJson(cli: Cli, value: unknown): void {
  cli.out(JSON.stringify(value, null, 2));
}
