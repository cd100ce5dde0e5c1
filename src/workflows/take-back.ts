import { isCancellation } from '@temporalio/workflow';
import { failureType, rootMessage } from '../errors.js';
import type { Outcome, StepName } from '../model.js';
import { runtime } from './proxies.js';
import type { Saga, Undo } from './saga.js';
import { startEffects } from './start-effects.js';
import { TurnBack } from './turn-back.js';

/** An undo is tried only when these, where they are registered, have worked: no older code on data that is not put back. */
const needs: Partial<Record<StepName, StepName[]>> = {
  start: ['effects'],
  migrate: ['start'],
  data: ['start'],
  switch: ['start', 'migrate'],
  stop: ['start', 'migrate', 'data', 'switch'],
};

export interface End {
  outcome: Outcome;
  reason: string;
  problem?: string | undefined;
}

/** Brings everything back as it was, in reverse; runs in a scope that nothing cancels. Every independent undo is tried. */
export async function takeBack(saga: Saga, error: unknown): Promise<End> {
  const reason = reasonOf(saga, error);
  const problem = error instanceof TurnBack ? error.problem : failureType(error);
  if (problem === 'Fenced') return { outcome: saga.changed ? 'stopped' : 'failed-unchanged', reason, problem };
  if (error instanceof TurnBack && error.to === 'stop')
    return { outcome: saga.changed ? 'stopped' : 'failed-unchanged', reason, problem };
  if (!saga.changed) return { outcome: unchanged(saga, error), reason, problem };

  saga.undoing = true;
  saga.inbox.undoing = true;
  const left = await undoAll(saga);
  if (left.length > 0) return { outcome: 'stopped', reason: `${reason}; not undone: ${left.join(', ')}`, problem };
  return (await serveAgain(saga))
    ? { outcome: 'rolled-back', reason, problem }
    : { outcome: 'rolled-back-unverified', reason, problem };
}

async function undoAll(saga: Saga): Promise<StepName[]> {
  const left: StepName[] = [];
  for (const undo of [...saga.undos].reverse()) {
    const missing = (needs[undo.name] ?? []).filter((name) => left.includes(name));
    if (missing.length > 0) {
      saga.board.ended(saga.board.began(undo.name, true), 'skipped', `waits for the undo of ${missing.join(', ')}`);
      left.push(undo.name);
    } else if (!(await undone(saga, undo))) left.push(undo.name);
  }
  return left;
}

async function undone(saga: Saga, undo: Undo): Promise<boolean> {
  try {
    await saga.attempt(undo.name, () => undo.act(), true);
    return true;
  } catch (error) {
    if (error instanceof TurnBack) return false;
    throw error;
  }
}

/** The target's own checks, then its users; on a first release there is no target, and nothing runs. */
async function serveAgain(saga: Saga): Promise<boolean> {
  const { run } = saga;
  if (run.previous === null || !saga.undos.some((undo) => undo.name === 'stop')) return true;
  let verified = false;
  try {
    verified = (await saga.check('verify', run.previous)) === 'done';
    await saga.attempt('reopen', () => runtime.open(run));
    // An act of the way back, told apart on the host from the start that was taken back.
    if (saga.has('effects')) await saga.attempt('effects', () => startEffects(saga, run.previous), true);
    return verified;
  } catch (error) {
    if (error instanceof TurnBack) return false;
    throw error;
  }
}

function unchanged(saga: Saga, error: unknown): Outcome {
  // Nothing is taken back, and nothing is verified: a person said no.
  if (saga.inbox.rollbackAsked) return 'no-go';
  return error instanceof TurnBack && error.to === 'no-go' ? 'no-go' : 'failed-unchanged';
}

function reasonOf(saga: Saga, error: unknown): string {
  const asked = saga.inbox.rollbackAsked;
  if (asked) return `${asked.by} asked to take it back: ${asked.reason}`;
  return isCancellation(error) ? 'cancelled' : rootMessage(error);
}
