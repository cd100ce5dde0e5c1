import type { CheckResult, Revisions, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import type { StoredFile } from './stored-file.js';

/** Content of one store at one moment. */
export interface Contents {
  /** Rows and a content hash by `schema.table`. */
  tables: Record<string, { rows: number; hash: string }>;
}

/** What one store's backup leaves in its folder, beside the file itself: written by `storeFile`, read by `withPlainFile`. */
export interface StoreBackup extends StoredFile {
  store: string;
  kind: 'postgres' | 'sqlite' | 'files';
  /** The file was packed by that program: unpacked it is what its kind's tools read. */
  packed?: 'zstd';
  contents: Contents;
  /** What else must be equal after a restore: owners, ACLs, policies, sequences, extensions, … as sorted lines, by heading. */
  catalog: Record<string, string[]>;
}

/** `manifest.json` of a backup's folder. */
export interface BackupManifest {
  id: string;
  environment: string;
  run: string;
  takenAt: string;
  version: string | null;
  revisions: Revisions;
  stores: StoreBackup[];
  /** Set once it was restored into scratch and found equal. */
  proven?: { at: string; tookMs: number };
}

/** A store of the recovery point: how the state after `stop` can be had back. Written to the run's folder before it is relied on. */
export interface StandbyRecord {
  store: string;
  /** Name of the copy beside the live store. */
  copy: string;
  /** Identity of the live store when it was copied: for postgres system identifier and database oid. */
  live: { name: string; oid: string; system: string };
  copyOid: string;
  /** Name that the live store gets when the copy is swapped in. */
  replaced: string;
  takenAt: string;
  /** Row counters when nothing wrote any more; null where the server does not count. */
  counters: Record<string, number> | null;
  /** Set where no copy could be made: the proven backup that serves instead. It is restored before anything can be swapped in; `inPlace`: over the live store. */
  backup?: { folder: string; stored: StoreBackup; why: string; inPlace?: true };
  /** No other store can stand in its place: `copy` and `replaced` are folders that name backups, and what is swapped is the content. */
  inPlace?: true;
}

/** What lies beside a live store. */
export interface Kept {
  store: string;
  /** standby: a copy that was not used. replaced: what was live. scratch: left by a killed attempt. orphan: what a server crash left, and no store has. */
  is: 'standby' | 'replaced' | 'scratch' | 'orphan';
  name: string;
  /** Tells it from another one that got its name since: for postgres the oid. */
  identity: string;
  /** null: cannot be told. */
  bytes: number | null;
  /** The run that needs it: that made the copy, or replaced what was live. */
  run: string | null;
  at: string | null;
}

/** Room that a release will take. */
export interface Need {
  /** There, or one that will be made. */
  folder: string;
  bytes: number;
}

/** A declared store: one database, one SQLite file, one tree of files. */
export interface Store {
  readonly name: string;
  readonly kind: StoreBackup['kind'];
  preflight(context: StepContext): Promise<CheckResult[]>;
  /** Bytes it takes now, for the sum of room needed and for the estimate of the downtime. */
  size(context: StepContext): Promise<number>;
  /** What its copies and its backup will take of this host's disks, as far as they can be seen from here. */
  needs?(context: StepContext): Promise<Need[]>;
  /** Writes `<folder>/<file>` from one snapshot. */
  backup(context: StepContext, folder: string): Promise<StoreBackup>;
  /** Restores the stored file into scratch, compares everything with the manifest, removes the scratch. Throws BackupUnusable. */
  prove(context: StepContext, folder: string, backup: StoreBackup): Promise<StepResult>;
  /** Restores into a scratch copy that the caller uses and then drops. Returns its URL or path. */
  scratch(context: StepContext, folder: string, backup: StoreBackup): Promise<{ url: string; drop(): Promise<void> }>;
  /** With nothing writing: an exact copy beside the live store; where that is not possible, a proven backup of that moment. */
  standby(context: StepContext): Promise<StandbyRecord>;
  /** Seconds that `standby` will take, and a line for people where it is not the quick way. */
  downtime(context: StepContext): Promise<{ seconds: number; note?: string }>;
  /** Swaps the copy in; the replaced store is kept under `replaced`. Done already → no-op. Another identity → DataRefused. */
  swapIn(context: StepContext, standby: StandbyRecord): Promise<StepResult>;
  /** The live store lets everybody in again, where a copy or a swap that was cut off has left it closed. */
  reopen(context: StepContext): Promise<void>;
  /** Identity of the live store as it is now. */
  live(context: StepContext): Promise<StandbyRecord['live']>;
  /** Restores a proven backup beside the live store, verifies it, and describes it as a standby copy, ready to be swapped in. */
  restore(context: StepContext, folder: string, backup: StoreBackup): Promise<StandbyRecord>;
  /** Whether that copy is still there, unconsumed. */
  has(context: StepContext, standby: StandbyRecord): Promise<boolean>;
  /** Rows written since the counters were noted, by `schema.table`; null = unknown. */
  written(context: StepContext, since: Record<string, number> | null): Promise<Record<string, number> | null>;
  /** The same text as before means that nobody wrote in between. Absent where to tell costs as much as to count. */
  lastWrite?(context: StepContext): Promise<string>;
  /**
   * What was written since the copy, as far as it shows at once; undefined: nothing does. Absent where to see it takes as long as another copy, which
   * tells it by itself.
   */
  writtenSinceCopy?(context: StepContext, standby: StandbyRecord): Promise<string | undefined>;
  /**
   * What the live store has otherwise than that recovery point, for people: `new table public.a`, `rows of public.b`. Changes nothing. Absent where no
   * migration tool ever is. Throws NotStopped while somebody is at work on it. `catalog`: no rows, and whoever is at work.
   */
  changes?(context: StepContext, standby: StandbyRecord, only?: 'catalog'): Promise<string[]>;
  /** Acts while no other run of Slipway works on it, from whichever host or namespace. Throws Held, naming that run. Absent where only files tell. */
  alone?<T>(context: StepContext, act: () => Promise<T>): Promise<T>;
  /** Row counters now. */
  counters(context: StepContext): Promise<Record<string, number> | null>;
  /** First rows (500 at most) of one reading query on the live store, each as JSON. Throws what the store says of it. */
  rows(context: StepContext, sql: string): Promise<string[]>;
  /** All that lies beside the live store, of this environment or of nobody. */
  kept(context: StepContext): Promise<Kept[]>;
  /** Destroys one unused copy or replaced store, the very one that was listed; gone already → no-op. DataRefused for anything else. */
  discard(context: StepContext, kept: Kept): Promise<void>;
  /** Shell lines for undo.md that swap the copy in, by hand. Secrets as "$NAME". */
  byHand(context: StepContext, standby: StandbyRecord): string[];
  commands(): { backup: string[]; prove: string[]; standby: string[]; swapIn: string[] };
}
