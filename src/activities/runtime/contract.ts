import type { CheckResult, Definition, Release, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';

/** What runs a system. Each method may be called twice, and claims success only from what it sees afterwards. */
export interface Runtime {
  /** Whether any part of it runs now. */
  runs(context: StepContext): Promise<boolean>;
  preflight(context: StepContext): Promise<CheckResult[]>;
  /**
   * Checks of a release that is staged, and of what the plan said of its start, before anything stops: what it is started by comes with it. Returns what people
   * should know of it. Throws where it cannot be started.
   */
  coming?(context: StepContext, release: Release, agreed?: string[]): Promise<string | undefined>;
  /** Stops; proven by closed ports and by the end of the processes or containers behind them. */
  stop(context: StepContext): Promise<StepResult>;
  /** Starts that release, closed where the definition says so; proven by a listener or container younger than the step. */
  start(context: StepContext, release: Release): Promise<StepResult>;
  /** What it printed last, for a failure's text. undefined where that is written nowhere. */
  lastWords?(context: StepContext): Promise<string>;
  open(context: StepContext): Promise<StepResult>;
  close(context: StepContext): Promise<StepResult>;
  /**
   * Single services that act on the outside world (`effects`), which `start` must leave stopped: `turn` starts or stops just these, proven by
   * their state. undefined where the system has no services.
   */
  services?: {
    turn(context: StepContext, to: 'start' | 'stop', names: string[], release: Release): Promise<StepResult>;
    commands(definition: Definition, to: 'start' | 'stop', names: string[]): string[];
    /** Shell lines for undo.md. */
    byHand(context: StepContext, to: 'start' | 'stop', names: string[]): string[];
  };
  /** Commands for the plan, secrets as $NAME. */
  commands(definition: Definition): Record<'stop' | 'start' | 'open' | 'close', string[]>;
  /** What else the plan holds fast, such as the hash of a resolved configuration; a line each. */
  resolved(context: StepContext): Promise<string[]>;
  /** Shell lines for undo.md. */
  byHand(context: StepContext): Record<'stop' | 'start' | 'open' | 'close', string[]>;
}
