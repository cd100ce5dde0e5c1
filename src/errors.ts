import { ApplicationFailure } from '@temporalio/common';

/**
 * Every way in which Slipway refuses or fails, by the name that travels as the failure's `type`. Exit codes follow from it
 * (`src/exit-codes.ts`).
 */
export const failures = {
  Usage: 'an argument is wrong: an unknown environment or version, an input of the wrong shape',
  BadDefinition: 'a definition or people.yaml does not load',
  NotBuilt: 'the definition needs a part that this build of Slipway does not have',
  Drift: 'what runs is not what the history says',
  Held: 'another run holds the environment',
  Fenced: 'this run lost the environment, or never had it',
  NoGo: 'a check before the first change failed',
  CheckFailed: 'a check after the start failed',
  CommandFailed: 'a command ended with another exit code than 0',
  Timeout: 'a command or a check outlived its deadline',
  MigrationFailed: 'the database is not at the revisions that were wanted',
  BackupUnusable: 'a backup is not whole, or its restore is not equal to it',
  DataRefused: 'a database is not the one that was recorded, so nothing was done to it',
  OutcomeUnknown: 'nobody can tell whether a command took effect',
  EvidenceUnwritable: 'the record of the run cannot be written',
  ToolMissing: 'a program that is needed is not on the host',
  Unreachable: 'a server does not answer',
  NoRights: 'a role or a file does not permit what has to be done',
  NoRoom: 'there is not enough space',
  ImageRefused: 'an image is gone, or is not the one that was recorded',
  Dirty: 'the checkout has changes that nobody expected',
  NotStopped: 'something still runs that should have ended',
  NotStarted: 'the new instance does not answer',
  WorkerLeft: 'the worker was stopped; its successor goes on',
} as const;
export type FailureType = keyof typeof failures;

/**
 * The one way to fail a step: a failure that Temporal does not try again, since a person decides what comes next.
 * `message` is one line that says what is wrong and what to type; it must hold no secret.
 */
export function fail(type: FailureType, message: string, details: Record<string, unknown> = {}): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type, details);
}

/** The failure's type, found through Temporal's wrappers; undefined for a plain error. */
export function failureType(error: unknown): FailureType | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure && cause.type && cause.type in failures) return cause.type as FailureType;
  }
  return undefined;
}

/** The innermost message: what a person needs to read. */
export function rootMessage(error: unknown): string {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  return cause instanceof Error ? cause.message : String(cause);
}
