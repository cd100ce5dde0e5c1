import type { FailureType } from './errors.js';
import type { Kind, Outcome, Report } from './model.js';

/** What a command asked for; `watch` asks for whatever the run was started for. */
export type Asked = Kind | 'watch';

export const exits = {
  asked: 0,
  /** Nothing was changed, or a command could not do its work. */
  failed: 1,
  usage: 2,
  rolledBack: 3,
  refused: 4,
  /** Unverified, stopped, or waiting on a failure. */
  person: 5,
  /** Ctrl-C: the run goes on without us. */
  detached: 130,
} as const;

const byOutcome: Record<Outcome, number> = {
  deployed: exits.asked,
  done: exits.asked,
  'no-go': exits.refused,
  'failed-unchanged': exits.failed,
  'rolled-back': exits.rolledBack,
  'rolled-back-unverified': exits.person,
  stopped: exits.person,
};

const byFailure: Partial<Record<FailureType, number>> = {
  Usage: exits.usage,
  BadDefinition: exits.usage,
  NoGo: exits.refused,
  Drift: exits.refused,
  NotBuilt: exits.refused,
  CheckFailed: exits.refused,
  OutcomeUnknown: exits.person,
};

/** The exit code of a run's end: a deploy that `slipway rollback` takes back, or ends before its first change, ended as asked, for whoever asked for that. */
export function exitOfReport(
  { kind, outcome, problem }: Pick<Report, 'kind' | 'outcome' | 'problem'>,
  asked: Asked,
): number {
  if (asked === 'rollback' && kind === 'deploy' && ['rolled-back', 'no-go'].includes(outcome)) return exits.asked;
  if (outcome === 'failed-unchanged' && (problem === 'Usage' || problem === 'BadDefinition')) return exits.usage;
  return byOutcome[outcome];
}

/** The exit code of a command that failed; undefined is a failure without a name. */
export function exitOfFailure(type: FailureType | undefined): number {
  return (type && byFailure[type]) ?? exits.failed;
}
