import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { AnswerInput, ApproveInput, RollbackInput, Status } from '../model.js';

/**
 * The messages people send: one small JSON object each, typed into the CLI, `temporal workflow signal` or the UI's dialog.
 * Each exists as a signal (stored, checked on arrival) and as an update of the same name (refused at once, with a reason).
 */
export const approveSignal = defineSignal<[ApproveInput]>('approve');
export const rejectSignal = defineSignal<[ApproveInput]>('reject');
export const answerSignal = defineSignal<[AnswerInput]>('answer');
export const rollbackSignal = defineSignal<[RollbackInput]>('rollback');

export const approveUpdate = defineUpdate<string, [ApproveInput]>('approve');
export const rejectUpdate = defineUpdate<string, [ApproveInput]>('reject');
export const answerUpdate = defineUpdate<string, [AnswerInput]>('answer');
export const rollbackUpdate = defineUpdate<string, [RollbackInput]>('rollback');

export const statusQuery = defineQuery<Status>('status');

/** Shown in the UI's drop-downs and by `temporal workflow metadata`: the dialog takes JSON, so each holds an example. */
export const descriptions = {
  approve:
    'Agree to the open gate, e.g. {"gate":"go","by":"ann","plan":"a1b2c3d"}. `plan` is shown by status and in the current details.',
  reject: 'Refuse the open gate, e.g. {"gate":"go","by":"ann","plan":"a1b2c3d","reason":"tickets open"}.',
  answer:
    'Answer a check or a failure, e.g. {"to":"migrate","answer":"retry|skip|rollback|stop","by":"ann","plan":"a1b2c3d","note":"…"} or {"to":"login","answer":"pass|fail|n/a",…}.',
  rollback: 'Take this run back, e.g. {"by":"ann","reason":"customers see errors"}.',
  status: 'Where the run is, what waits for whom, and which messages did not count.',
} as const;
export type MessageName = Exclude<keyof typeof descriptions, 'status'>;
