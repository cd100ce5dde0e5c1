import type { Change, Check, Definition } from '../../model.js';
import type { EnvFile } from '../../lib/env-file.js';
import type { CommandResult } from '../../lib/command.js';
import type { CommandRequest } from '../context.js';
import type { SqliteRow } from '../data/sqlite/read-rows.js';
import type { OnceRecord } from './once.js';

/** What `{name}` may stand for in a definition. Each is filled only when it matches its own pattern (`facts.ts`). */
export interface Facts {
  version: string;
  sha: string;
  url: string;
  /** The url's host. */
  domain: string;
  /** `2026-11-21` */
  date: string;
  /** `20261121T114252Z` */
  timestamp: string;
  run: string;
}

/** What the host lends to a check. */
export interface CheckContext {
  env: EnvFile;
  definition: Definition;
  facts: Facts;
  /** Where a path like `/health` is asked: the environment's url, or its `closed_url` while it is closed. */
  baseUrl: string;
  /** Aborted when the run is cancelled: every check ends at once, as failed. */
  signal: AbortSignal;
  /** Runs a command that changes nothing live; the env file's variables are in its environment. */
  read(request: CommandRequest): Promise<CommandResult>;
  /** The same for asking a tool what there is: its output stands in no record, and nothing in it is hidden yet. */
  look(request: CommandRequest): Promise<CommandResult>;
  /** Rows of one statement over a SQLite database of the definition, or over `file`. Throws CommandFailed, Timeout. */
  sqliteRows(database: string, sql: string, withinMs: number, file?: string): Promise<SqliteRow[]>;
  /** Folder of all the environment's records, its backups among them. */
  home?: string;
  /** Folders of the runs that may have started what runs, the latest first: they say where logs stood then. */
  startedIn?: string[];
  /** What the release says of its migrations. Without it a check with `when.change` runs. */
  change?: Change;
  /** Keeps what may change something from being sent twice; without it nothing is noted. */
  once?: OnceRecord;
  /** Set in a rehearsal: `sql` asks the copy; what changes data is left out. */
  rehearsal?: { url: string };
}

/** What one check found. `expected` and `seen` are one line each, without secrets, at most 500 characters. */
export interface Verdict {
  ok: boolean;
  expected: string;
  seen: string;
  /** Only a person can tell whether what was seen is right. */
  ask?: { text: string; role?: string };
}

/** Keeps the check's own deadline. May throw: `runChecks` makes a failing result of it. */
export type RunCheck = (check: Check, context: CheckContext) => Promise<Verdict>;
