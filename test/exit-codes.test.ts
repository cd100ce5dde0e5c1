import { describe, expect, it } from 'vitest';
import { failures, type FailureType } from '../src/errors.js';
import { exitOfFailure, exitOfReport, type Asked } from '../src/exit-codes.js';
import type { Kind, Outcome } from '../src/model.js';

describe('the exit code of a run', () => {
  it.each<[Kind, Outcome, Asked, string | undefined, number]>([
    ['deploy', 'deployed', 'deploy', undefined, 0],
    ['rollback', 'done', 'rollback', undefined, 0],
    ['adopt', 'done', 'watch', undefined, 0],
    ['deploy', 'failed-unchanged', 'deploy', 'CommandFailed', 1],
    ['deploy', 'failed-unchanged', 'deploy', 'Held', 1],
    ['deploy', 'failed-unchanged', 'deploy', 'Usage', 2],
    ['deploy', 'failed-unchanged', 'deploy', 'BadDefinition', 2],
    ['deploy', 'rolled-back', 'deploy', undefined, 3],
    ['deploy', 'rolled-back', 'watch', undefined, 3],
    ['deploy', 'rolled-back', 'rollback', undefined, 0],
    ['deploy', 'no-go', 'rollback', undefined, 0],
    ['rollback', 'rolled-back', 'rollback', 'CommandFailed', 3],
    ['deploy', 'no-go', 'deploy', 'NoGo', 4],
    ['deploy', 'rolled-back-unverified', 'deploy', undefined, 5],
    ['deploy', 'rolled-back-unverified', 'rollback', undefined, 5],
    ['deploy', 'stopped', 'deploy', undefined, 5],
  ])('of a %s that ended %s, for who asked to %s (problem %s), is %i', (kind, outcome, asked, problem, code) => {
    expect(exitOfReport({ kind, outcome, ...(problem ? { problem } : {}) }, asked)).toBe(code);
  });
});

describe('the exit code of a failed command', () => {
  const others: Partial<Record<FailureType, number>> = {
    Usage: 2,
    BadDefinition: 2,
    NoGo: 4,
    Drift: 4,
    NotBuilt: 4,
    CheckFailed: 4,
    OutcomeUnknown: 5,
  };

  it.each(Object.keys(failures) as FailureType[])('follows from its type: %s', (type) => {
    expect(exitOfFailure(type)).toBe(others[type] ?? 1);
  });

  it('is 1 without a type', () => {
    expect(exitOfFailure(undefined)).toBe(1);
  });
});
