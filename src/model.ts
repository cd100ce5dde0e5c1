/**
 * Every plain-JSON shape that crosses a boundary: workflow ↔ activity ↔ client ↔ disk. Types only, so that a workflow may
 * import them. Times are ISO 8601 strings in UTC unless the name ends in `Ms`; paths are absolute; nothing here holds a secret.
 */

// ---- the words -----------------------------------------------------------------------------------------------------

/** The workflows that hold an environment (their id is `system/environment`), and those beside them. */
export type Kind = 'deploy' | 'rollback' | 'adopt' | 'recover' | Beside;

/** They change nothing live, and run beside a release: their id is `system/environment/<kind>`, to which a Schedule appends its time. */
export type Beside = 'backup' | 'rehearse';

/** What the developer says of the release's migrations; pending migrations without a word count as `breaking`. */
export type Change = 'none' | 'compatible' | 'breaking';

/** How a run ended. Completed in Temporal only if it reached what was asked; else Failed with this as the failure's type. */
export type Outcome =
  'deployed' | 'done' | 'no-go' | 'failed-unchanged' | 'rolled-back' | 'rolled-back-unverified' | 'stopped';

/** A step or check phase or gate of a saga: heading of `plan`, summary in the UI, search attribute, line of the evidence. */
export type StepName =
  | 'resolve'
  | 'preflight'
  | 'go'
  | 'window'
  | 'fetch'
  | 'backup'
  | 'rehearse'
  | 'stop'
  | 'standby'
  | 'switch'
  | 'migrate'
  | 'start'
  | 'verify'
  | 'open'
  | 'effects'
  | 'watch'
  | 'sign-off'
  | 'rollback'
  | 'data'
  | 'reopen'
  | 'record';

/** Argument array: element 0 is the program. Never a shell string. */
export type Argv = string[];

/** Applied revisions of each declared database, by its name in the definition, in the order they were applied. */
export type Revisions = Record<string, string[]>;

// ---- definition: one environment's, after its overrides, with short forms made long -----------------------------------

export interface Definition {
  system: string;
  /** `system/environment` */
  environment: string;
  host: string;
  /** The live checkout. */
  directory: string;
  /** Relative to `directory` unless absolute. */
  env_file?: string;
  url: string;
  promote_from?: string;
  source: { git?: GitSource; images?: Record<string, ImageSource>; image_tag?: string };
  runtime: Runtime;
  databases: Record<string, Database>;
  files?: { keep?: string[]; protect?: string[] };
  migrations?: Migrations;
  backup: BackupRules;
  rehearsal?: { when?: When; checks?: string[] };
  preflight: Record<string, Check>;
  verify: Record<string, Check>;
  gates: Partial<Record<'go' | 'sign-off' | 'rollback', Gate>>;
  window?: { opens: string; for: string; zone?: string; announce?: { webhook: string; before: string } };
  /** How long verify goes on after open, in ms; 0 = no watch. */
  watchMs: number;
  on_failure: 'ask' | 'rollback';
  rollback: { prefer: 'restore' | 'undo' | 'keep'; restore: 'ask' | 'lossless' | 'always' };
  secrets?: { rotate?: Record<string, 'generate' | 'ask'>; keep?: string[]; checks?: string[] };
  effects?: Record<string, Effect>;
  notes?: Record<string, string>;
  notify?: { webhook: string };
  /** Where each part stands in its file: dotted path → `systems/shop.yaml:41`. For messages. */
  positions: Record<string, string>;
}

export interface GitSource {
  remote?: string;
  version_file?: string;
  changelog?: string;
  expected_changes?: string[];
  signed?: boolean;
  /** Commands that make a checkout runnable (`npm ci`), run in the staged worktree, never in the downtime. */
  install?: Argv[];
  /** What `install` makes (`node_modules`): moved from the staged worktree into the live checkout at `switch`. */
  installs?: string[];
}
export interface ImageSource {
  name: string;
  build?: string;
  dockerfile?: string;
}

export interface Runtime {
  processes?: {
    start: Argv;
    stop: Argv;
    /** Exit code 0 once all runs, another one once nothing does. */
    status?: Argv;
    /** Prints the pids of the system's own processes, where a supervisor that lives on holds the ports for them: these, not it, are stopped and started. */
    workers?: Argv;
    /** Closed ports, and the end of what listened there, prove the stop; a listener that is younger than the step proves the start. */
    ports: number[];
    env: Record<string, string>;
    /** How long what listens, and all that it started, must stay up after the start. Without it 300 ms, and only what listens. */
    observeMs?: number;
    /** @default 120_000 */
    timeoutMs: number;
  };
  compose?: {
    files?: string[];
    profiles?: string[];
    project?: string;
    services?: string[];
    restart?: string[];
    renew_anonymous_volumes?: boolean;
    /** How compose is called. @default [docker, compose] */
    program?: Argv;
    /** How long services get to stop; what the compose file says without it. */
    graceMs?: number;
    /** How long services must stay up after the start. @default 5_000 */
    observeMs: number;
    /** Of each compose command. @default 300_000 */
    timeoutMs: number;
  };
  container?: {
    name: string;
    start: Argv;
    stop: Argv;
    volume?: string;
    ports: number[];
    /** @default 5_000 */
    observeMs: number;
    /** @default 300_000 */
    timeoutMs: number;
  };
  /** `at_start`: the start lets users in. Otherwise `start` starts closed, reached at `closed_url`, until `open` runs. */
  open: 'at_start' | { open: Argv; close: Argv; closed_url: string };
}

export type Database =
  /** URLs are `$NAME` references into env_file (or literal URLs without a password). */
  | { postgres: { url: string; backup_url: string; admin_url: string; in?: string } }
  | { sqlite: { file: string; variable?: string; volume?: string; in?: string } };

export interface Migrations {
  sequelize?: MigratingTool;
  /** `heads` @default 'one' */
  alembic?: MigratingTool & { runs?: Argv; heads?: 'one' | 'several' };
  django?: MigratingTool & { runs?: Argv };
  command?: MigratingTool & { applied: Argv; heads: Argv; upgrade: Argv; downgrade?: Argv };
}
interface ToolPlace {
  /** Of the code: relative to the checkout. */
  directory?: string;
  in?: string;
  /** With `in`: where the tool runs there. */
  workdir?: string;
  database?: string;
  /** How long a statement waits for a lock. 0: for ever. @default 60_000 */
  lockTimeoutMs?: number;
}
interface MigratingTool extends ToolPlace {
  at?: 'start';
  guard?: Record<string, string>;
}

export interface BackupRules {
  directory?: string;
  encrypt?: { passphrase?: string; recipients?: string[]; identity?: string };
  schedule?: string;
  keep?: { count?: number; days?: number };
  copy_to?: string;
}

/** What acts on the outside world: stopped first, started last. Either `services` or `start` and `stop`. */
export interface Effect {
  services?: string[];
  start?: Argv;
  stop?: Argv;
  /** What is waiting to leave: compared where data was put back. */
  sql?: string;
  database?: string;
}

export interface When {
  change?: Change[];
  version?: string;
}

export interface Gate {
  roles?: string[];
  deadlineMs?: number;
  on_deadline: 'reject' | 'remind';
  four_eyes: boolean;
}

/** One verification: exactly one kind, plus what all kinds share. */
export interface Check extends CheckKinds {
  must?: 'must' | 'warn' | 'record';
  when?: When;
  role?: string;
  changes?: boolean;
  /** Deadline of the whole check, in ms. @default 10_000, command 120_000 */
  withinMs?: number;
  expect?: unknown;
  in?: string;
}
export interface CheckKinds {
  http?: string;
  flow?: FlowStep[];
  finally?: FlowStep[];
  command?: Argv;
  env?: string[] | Record<string, unknown>;
  file?: string;
  sql?: string;
  ask?: string;
  tls?: string;
  search?: string;
  backup?: string;
  logs?: string;
  metrics?: string;
  [option: string]: unknown;
}
export interface FlowStep {
  http: string;
  headers?: Record<string, string>;
  body?: unknown;
  basic?: [string, string];
  bearer?: string;
  expect?: unknown;
  /** Asked until the answer is this. */
  until?: unknown;
  save?: Record<string, string>;
}

// ---- versions, runs, history ------------------------------------------------------------------------------------------

/** What is deployed. `run` is the run that put it there; absent for a version that never ran here. */
export interface Release {
  version: string;
  /** The commit; without Git, forty hex digits that stand for the image ids. */
  sha: string;
  run?: string;
  /** By compose service; one that is built is not known before `fetch`. */
  images?: Images;
}
export type Images = Record<string, ReleaseImage>;
export interface ReleaseImage {
  /** `sha256:…`: the image itself, wherever it lies. */
  id: string;
  /** `name@sha256:…`, where a registry gave one. */
  digest?: string;
  /** `name:tag`: what people and scripts call it. It may be moved, so nothing is proven by it. */
  tag: string;
}

/** What a saga hands to each of its activities: some hundred bytes; the rest is read from the run's folder. */
export interface Run {
  /** Name of the run's folder: `20261121T114252Z-1a2b3c`. */
  id: string;
  kind: Kind;
  environment: string;
  /** Where we go. */
  version: Release;
  /** What we leave; null on a first deploy. */
  previous: Release | null;
  change: Change;
  /** Hash of the pinned plan file; each activity refuses a folder whose plan differs. */
  plan: string;
  /** Steps that the plan skips, with the reason. */
  skipped: Partial<Record<StepName, string>>;
}

/** Where in the saga an activity is called from; with run it names the act on the host. */
export interface At {
  step: StepName;
  undo: boolean;
  /** Counts people's retries, never Temporal's attempts. 1-based. */
  try: number;
}

/** What the workflow saw (approvals, refusals, skips) since its last activity; written into the evidence, once by `id`. */
export interface Note {
  id: string;
  at: string;
  kind: string;
  text: string;
  data?: Record<string, unknown>;
}

/** What a step leaves behind. `note` is one line for people. */
export interface StepResult {
  note?: string;
  data?: Record<string, unknown>;
}

export interface CheckResult {
  name: string;
  outcome: 'pass' | 'fail' | 'n/a' | 'skip';
  must: 'must' | 'warn' | 'record';
  expected: string;
  seen: string;
  /** `systems/shop.yaml:88` */
  where: string;
  tookMs: number;
  /** Set where a person must answer. */
  ask?: { text: string; role?: string };
}
export interface CheckReport {
  phase: StepName;
  results: CheckResult[];
}

/** What `check` would run, and which are left to people. */
export interface ChecksDue {
  names: string[];
  leftOut: LeftOut[];
}
/** A check that runs only where it is named. */
export interface LeftOut {
  name: string;
  /** As in "left out: mail, since a person answers it". */
  since: string;
}
/** What `check` found, outside any release. */
export interface ChecksNow {
  environment: string;
  /** What runs; `unknown` where no record and no adapter tells. */
  version: string;
  results: CheckResult[];
  leftOut: LeftOut[];
}

/** One line of `history.jsonl`. */
export interface HistoryEntry {
  run: string;
  kind: Kind;
  outcome: Outcome;
  /** What runs now, after this run; null where nothing does. */
  current: Release | null;
  /** What was asked for. */
  version: string;
  /** The release that `current` replaced and can be gone back to. */
  previous: Release | null;
  startedAt: string;
  endedAt: string;
  by: string;
  reason?: string;
  /** Applied revisions after the run. */
  revisions: Revisions;
  /** Those that `current` does not know and people let it run on, and the release that knows them. */
  ahead?: { of: Release; revisions: Revisions };
  /** sha256 by name: env_file, definition. */
  fingerprints: Record<string, string>;
  backup?: string;
  /** Hash of the evidence's last entry. */
  evidence: string;
}

/** The fence: the host's own record of the open run. */
export interface Journal {
  run: string;
  kind: Kind;
  environment: string;
  namespace: string;
  workflowRunId: string;
  /** Grows by one with each claim, for ever. */
  token: number;
  claimedAt: string;
  last: At & { at: string };
}

/** One thing that is kept for a way back. */
export interface KeptThing {
  is: 'backup' | 'copy' | 'standby' | 'replaced' | 'image' | 'worktree' | 'scratch' | 'orphan';
  /** Folder, name of the database, or of the image. */
  name: string;
  /** The run that took it, or needs it. */
  run: string | null;
  at: string | null;
  /** null: cannot be told. */
  bytes: number | null;
  version: string | null;
  /** When it was restored and found equal. */
  proof: string | null;
  /** Why retention keeps it; null: nothing needs it any more. */
  stays: string | null;
}
/** What `backups` tells. */
export interface KeptList {
  environment: string;
  things: KeptThing[];
  /** What could not be looked at. */
  problems: string[];
}

// ---- plan ---------------------------------------------------------------------------------------------------------------

export interface PlanStep {
  name: StepName;
  /** `step`, `check` or `gate` */
  is: 'step' | 'check' | 'gate';
  /** One line for people. */
  title: string;
  /** The exact commands or statements, secrets as `$NAME`. */
  commands: string[];
  /** What takes it back; empty where nothing is to undo. */
  undo: string[];
  /** Reason why it will not run. */
  skip?: string;
  changes: boolean;
}
export interface Plan {
  environment: string;
  kind: Kind;
  version: Release;
  previous: Release | null;
  change: Change;
  steps: PlanStep[];
  pending: Record<string, string[]>;
  downtime: string;
  /** Parts of the definition this build of Slipway cannot run: `deploy` refuses while there is one. */
  unbuilt: string[];
  warnings: string[];
  /** sha256 of the definition that was pinned. */
  definition: string;
  /** sha256 over all of the above but `downtime` and `warnings`, which change by themselves. */
  hash: string;
}

// ---- what becomes of the data -------------------------------------------------------------------------------------------

export type Decision = 'keep' | 'keep-ahead' | 'undo' | 'put-back';
export interface Choice {
  decision: Decision;
  /** Why, in one line. */
  reason: string;
  /** The point the data returns to, for `undo` and `put-back`; the revisions that stay, for `keep-ahead`. */
  to?: string;
  /** Rows written since, by `database.table`; null = unknown. Empty = proven none. */
  loss: Record<string, number> | null;
  /** Columns and tables an undo would drop. */
  drops: string[];
  /** A person has to agree. */
  asks: boolean;
  /** sha256 over decision and loss: a grown loss asks again. */
  hash: string;
}

/** What people see before anything acts on the outside world again. */
export interface Held {
  /** Whether data was put back in this run. */
  asks: boolean;
  /** By effect: what the replaced data held that the present does not, and the other way round. */
  lines: string[];
  /** sha256 over the lines. */
  hash: string;
}

// ---- messages, status -----------------------------------------------------------------------------------------------------

export interface ApproveInput {
  gate?: string;
  by?: string;
  plan?: string;
  reason?: string;
  id?: string;
}
export interface AnswerInput {
  to?: string;
  answer?: string;
  by?: string;
  plan?: string;
  note?: string;
  id?: string;
}
export interface RollbackInput {
  version?: string;
  by?: string;
  reason?: string;
  id?: string;
}

/** Something that waits for a person. */
export interface Question {
  /** Gate, check or step it belongs to. */
  name: string;
  is: 'gate' | 'check' | 'failure';
  text: string;
  /** Words an answer may be: approve/reject, or pass/fail/…, retry/skip/… */
  answers: string[];
  roles: string[];
  /** Seven characters that an answer must carry. */
  plan: string;
  since: string;
  deadline?: string;
  detail?: string[];
}
export interface StepState {
  name: StepName;
  undo: boolean;
  state: 'running' | 'done' | 'failed' | 'skipped' | 'undone' | 'waiting';
  startedAt: string;
  endedAt?: string;
  note?: string;
}
export interface Status {
  environment: string;
  kind: Kind;
  run: string | null;
  version: string;
  previous: string | null;
  phase: StepName | 'undo' | 'ended';
  state: 'running' | 'waiting' | 'ended';
  by: string;
  startedAt: string;
  steps: StepState[];
  checks: CheckReport[];
  /** Names of checks that run now. */
  checking?: string[];
  questions: Question[];
  /** Messages that did not count, newest last (50 at most). */
  refused: { at: string; message: string; reason: string }[];
  refusedCount: number;
  outcome?: Outcome;
  reason?: string;
  planHash?: string;
}

/** Result of a saga, and details of its failure. */
export interface Report {
  environment: string;
  kind: Kind;
  run: string | null;
  outcome: Outcome;
  version: string;
  /** What runs now. */
  current: string | null;
  reason: string;
  /** Type of the failure behind it, where there was one. */
  problem?: string;
  /** Folder on the host. */
  evidence: string | null;
  approvals: { gate: string; by: string; at: string }[];
  /** The steps as they went, in order. */
  steps: string[];
}

// ---- what `resolve` tells the workflow ----------------------------------------------------------------------------------

export interface DeployInput {
  version: string;
  change?: Change;
  by?: string;
  reason?: string;
}
export interface RollbackStart {
  version?: string;
  by?: string;
  reason?: string;
}
export interface AdoptInput {
  version?: string;
  by?: string;
  reason?: string;
}
export interface BesideInput {
  version?: undefined;
  by?: string;
  reason?: string;
}

/** The little of plan and definition that a workflow decides by. */
export interface Outline {
  /** The plan's hash: what an approval approves. */
  hash: string;
  steps: { name: StepName; is: PlanStep['is']; title: string; changes: boolean; skip?: string }[];
  gates: Definition['gates'];
  /** Roles by person of people.yaml; empty where there is no such file. */
  people: Record<string, string[]>;
  on_failure: Definition['on_failure'];
  /** Lines that people see at the gate: pending migrations, downtime, backup age, warnings. */
  go: string[];
  window: boolean;
  watchMs: number;
  /** Names of the automatic checks, by phase. */
  checks?: { preflight: string[]; verify: string[] };
}
export interface Resolved {
  run: Run;
  by: string;
  outline: Outline;
}

/** What every activity of a run gets first. */
export interface Call {
  run: Run;
  at: At;
  notes: Note[];
}

/** What the last activity of a run writes down. */
export interface Ending {
  outcome: Outcome;
  reason: string;
  by: string;
  startedAt: string;
  approvals: Report['approvals'];
}
/** What `record` answers: what runs now, and where the evidence lies. */
export interface Recorded {
  current: string | null;
  evidence: string;
}
