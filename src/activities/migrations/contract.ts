import type { CheckResult, Definition, Release, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';

/** What changes a schema. Revisions are the tool's own names, compared as whole sets, never as "the last one". */
export interface MigrationTool {
  /** Name (in `databases`) of the database it migrates. */
  database(definition: Definition): string;
  /** `upgrade` has something to do also where nothing is pending. */
  readonly always?: boolean;
  /**
   * Revisions that the release's code knows, oldest first, read without building anything; undefined where only the code itself could
   * tell, and is neither live nor fetched.
   */
  known(context: StepContext, release: Release): Promise<string[] | undefined>;
  /**
   * Which of these revisions of the release change something outside a transaction, by the text of their files: it stays where they fail. Absent
   * for a tool that has no transactions, or whose files nobody can read.
   */
  outsideTransaction?(context: StepContext, release: Release, revisions: string[]): Promise<string[]>;
  /** Applied revisions, oldest first, read from the database itself; `url` defaults to the live one. [] for an empty database. */
  applied(context: StepContext, url?: string): Promise<string[]>;
  /**
   * Runs the tool's status command where `upgrade` will run, so that a missing tool is found before the downtime, and looks at the
   * release's migrations. Without `directory`, as before a first deploy, only at these.
   */
  preflight(context: StepContext, directory?: string): Promise<CheckResult[]>;
  /**
   * Applies all pending ones from the code in `directory`. Live: through `context.change`. With `url` (a rehearsal on a copy): through
   * `context.read`. Throws MigrationFailed when the applied set afterwards is not the known one.
   */
  upgrade(context: StepContext, directory: string, wanted: string[], url?: string): Promise<StepResult>;
  /** Takes back exactly the applied revisions that are not in `wanted`, by name, with the code in `directory`. */
  downgradeTo(context: StepContext, directory: string, wanted: string[]): Promise<StepResult>;
  commands(definition: Definition): { upgrade: string[]; downgrade: (revisions: string[]) => string[] };
}
