import type {
  BackupRules,
  AdoptInput,
  BesideInput,
  Call,
  CheckReport,
  ChecksDue,
  ChecksNow,
  Choice,
  DeployInput,
  Ending,
  Held,
  HistoryEntry,
  Journal,
  KeptList,
  KeptThing,
  Kind,
  Plan,
  Recorded,
  Release,
  Resolved,
  RollbackStart,
  StepName,
  StepResult,
} from '../model.js';

/** What the workflows may ask of a host. All are safe to run twice; `createActivities` in `create.ts` builds the real ones. */
export interface Activities {
  /** On queue `slipway`, by control workers: what `systems/` names, and files that do not load. */
  environments: () => Promise<{ environments: string[]; errors: string[] }>;

  // before the first change
  resolve: (request: {
    kind: Kind;
    input: DeployInput | RollbackStart | AdoptInput | BesideInput;
  }) => Promise<Resolved>;
  /** The automatic checks of the phase in `call.at.step`, by the definition of `release` (null: this run's). */
  check: (call: Call, release: Release | null) => Promise<CheckReport>;
  /** Milliseconds until the maintenance window opens; 0 when it is open. */
  window: (call: Call) => Promise<{ waitMs: number; opensAt: string }>;
  fetch: (call: Call) => Promise<StepResult>;
  backup: (call: Call) => Promise<StepResult>;
  rehearse: (call: Call) => Promise<StepResult>;
  rehearseRestore: (call: Call) => Promise<StepResult>;

  // changes
  stop: (call: Call) => Promise<StepResult>;
  standby: (call: Call) => Promise<StepResult>;
  switch: (call: Call, release: Release | null) => Promise<StepResult>;
  migrate: (call: Call) => Promise<StepResult>;
  start: (call: Call, release: Release | null) => Promise<StepResult>;
  open: (call: Call) => Promise<StepResult>;
  close: (call: Call) => Promise<StepResult>;
  /** What people have to see before `startEffects`, where data was put back. */
  holdEffects: (call: Call) => Promise<Held>;
  startEffects: (call: Call, release: Release | null) => Promise<StepResult>;
  stopEffects: (call: Call) => Promise<StepResult>;
  choose: (call: Call) => Promise<Choice>;
  putBack: (call: Call, choice: Choice) => Promise<StepResult>;
  swapIn: (call: Call) => Promise<StepResult>;

  watch: (call: Call) => Promise<CheckReport>;
  record: (call: Call, ending: Ending) => Promise<Recorded>;

  // what people ask for, with nothing held
  plan: (request: { environment: string; kind: Kind; input: DeployInput | RollbackStart }) => Promise<Plan>;
  history: (request: { environment: string }) => Promise<HistoryEntry[]>;
  evidence: (request: { environment: string; run?: string; verify?: boolean }) => Promise<EvidenceAnswer>;
  state: (request: { environment: string }) => Promise<HostState>;
  /** Backups, copies, standby copies, replaced stores, leftovers. */
  backups: (request: { environment: string }) => Promise<KeptList>;
  /** Destroys of those named what retention still does not keep; answers what it destroyed. */
  prune: (request: { environment: string; names: string[]; by: string }) => Promise<KeptThing[]>;
  /** The checks that `checkNow` would run; with names those of both phases. */
  checksDue: (request: { environment: string; names: string[] }) => Promise<ChecksDue>;
  /** Runs them against what runs now, outside any release. */
  checkNow: (request: { environment: string; names: string[] }) => Promise<ChecksNow>;
  /** The definition's `backup`, as it is now. */
  backupRules: (request: { environment: string }) => Promise<BackupRules>;
}

export interface EvidenceAnswer {
  run: string;
  folder: string;
  /** False while the run is open: its record is whole so far. */
  ended: boolean;
  report: string;
  verified: { ok: true; entries: number; head: string } | { ok: false; entry: number; problem: string };
}

/** What a host knows of an environment, without Temporal. */
export interface HostState {
  environment: string;
  host: string;
  current: Release | null;
  previous: Release | null;
  lastOutcome: string | null;
  /** The open run, by the host's own record. */
  journal: Journal | null;
  /** `undo.md` of that run. */
  undo: string | null;
  undoPath: string | null;
  lastStep: StepName | null;
}
