import type { CheckResult, Definition, Release, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';

/** Where versions come from. Each method may be called twice: it looks, acts, looks again. */
export interface Source {
  /** The commit that `version` names. Throws Usage for an unknown or ambiguous one, naming the nearest tags. */
  resolve(context: StepContext, version: string): Promise<Release>;
  /** What the live directory holds; null where there is nothing yet. */
  running(context: StepContext): Promise<Release | null>;
  /** Checks that run unasked: the checkout exists and is clean, the version file agrees. */
  preflight(context: StepContext, release: Release): Promise<CheckResult[]>;
  /** Stages the release in `context.staged(release)`, with its dependencies, beside the live one. */
  fetch(context: StepContext, release: Release): Promise<StepResult>;
  /** Names of files in a folder of that release, without checking it out: `migrations` → `['001.js', …]`. */
  list(context: StepContext, release: Release, folder: string): Promise<string[]>;
  /** Texts of the files below a folder of that release whose path there matches, by that path; nothing of the release is run. */
  texts(context: StepContext, release: Release, folder: string, wanted: RegExp): Promise<Record<string, string>>;
  /** Makes the release the live one. */
  switch(context: StepContext, release: Release): Promise<StepResult>;
  /** Commands for the plan, secrets as $NAME. */
  commands(definition: Definition, release: Release): { fetch: string[]; switch: string[] };
  /** Shell lines for undo.md that make `release` the live one, by hand. */
  byHand(context: StepContext, release: Release): string[];
}
