import type { At, CheckResult, Definition, Release, Run, Argv } from '../model.js';
import type { EnvFile } from '../lib/env-file.js';
import type { CommandResult } from '../lib/command.js';
import type { Tools } from '../lib/tools.js';

/** What a command is asked to be. Values of `env` may be secret: they reach the child's environment and nothing else. */
export interface CommandRequest {
  argv: Argv;
  /** Runs inside this service of compose, or this container; without it on the host. */
  in?: string;
  /** With `in`: in a container of its own, made from that release's image, whatever runs. */
  of?: Release;
  /** With `in`: in a container of its own, where a folder of this host lies over these, whatever the service has there. */
  over?: { folder: string; at: string[] };
  /** @default the live checkout; with `in` an absolute path inside, else the image's own */
  cwd?: string;
  /** Added to the worker's own PATH/HOME/LANG and the env file's variables; with `in` to what the service has. */
  env?: Record<string, string>;
  /** @default 600_000 */
  deadlineMs?: number;
  /** Exit codes that are no failure. @default [0] */
  ok?: number[];
  /** For `read`: ends the command as a cancel does. */
  signal?: AbortSignal;
  /** Written to the command's standard input, which is closed otherwise. */
  input?: string;
  /** For `read`: a file that standard input reads, also by a command inside a service. */
  inputFile?: string;
  /** For `read`: a file that standard output is written into, byte by byte; it stands in no record. */
  outputFile?: string;
  /** With `outputFile`: a program of this host that packs what is written, and unpacks it at the same time to see that it can, called as zstd is. */
  outputThrough?: string;
  /** For `change`: run on this host once the deadline or a signal ended the command, whether a worker lives or not. */
  afterKill?: Argv;
}

/** What the host lends to a step: the pinned definition, its secrets, its commands, its record. Made once per activity. */
export interface StepContext {
  readonly run: Run;
  readonly at: At;
  readonly definition: Definition;
  /** The run's folder. */
  readonly folder: string;
  /** Folder of all the environment's records. */
  readonly home: string;
  /** Folder that all environments of this host share. */
  readonly shared: string;
  /** Folder of the definitions. */
  readonly systems: string;
  readonly env: EnvFile;
  readonly tools: Tools;
  /** Aborted only when a person's cancel has to reach the step. */
  readonly cancelled: AbortSignal;
  /** Aborted by such a cancel, and when the worker leaves: for waiting, which the next worker begins again. */
  readonly interrupted: AbortSignal;
  /** Where `fetch` stages that release's code: `<folder>/code/<sha>`. */
  staged(release: Release): string;
  /** Folder of another run of the same environment. */
  folderOf(run: string): string;
  /** Shows one line in the UI's pending activities and in `status`. */
  progress(line: string): void;
  /** Runs a command that changes nothing live; it dies with the worker and begins again. Throws CommandFailed. */
  read(request: CommandRequest): Promise<CommandResult>;
  /** Asks a tool what there is: the same as `read`, but its output is given as it is, and stands in no record. Never throws for an exit code in `ok`. */
  look(request: CommandRequest): Promise<CommandResult>;
  /**
   * Runs a command that changes the live system: it outlives the worker, and a second call with the same `name` in the same
   * step and try adopts the first. Throws CommandFailed, Timeout, OutcomeUnknown.
   */
  change(name: string, request: CommandRequest): Promise<CommandResult>;
  /** Whether an earlier attempt of this step and try began the change of that name: what it changed may be seen already, and it may still run. */
  began(name: string): boolean;
  /** Appends one entry to the run's evidence; `id` makes a repeated append a no-op. */
  record(id: string, kind: string, data: Record<string, unknown>): Promise<void>;
}

/** For `ok`: which exit code is right is the caller's business. */
export const anyExitCode = Array.from({ length: 256 }, (_, code) => code);

/** Whether it stops a release. */
export function isFailure({ outcome, must }: Pick<CheckResult, 'outcome' | 'must'>): boolean {
  return outcome === 'fail' && must === 'must';
}

/** `images: … is gone; ports: …` of what stops a release; '' where nothing does. */
export function failuresIn(results: CheckResult[]): string {
  return results
    .filter(isFailure)
    .map(({ name, seen }) => `${name}: ${seen}`)
    .join('; ');
}

/** One unasked check of an adapter, in the shape of all others. */
export function unasked(name: string, ok: boolean, expected: string, seen: string, where = 'unasked'): CheckResult {
  return { name, outcome: ok ? 'pass' : 'fail', must: 'must', expected, seen, where, tookMs: 0 };
}
