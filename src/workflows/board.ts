import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertMemo, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { CheckReport, Kind, Outcome, Outline, Question, Status, StepName, StepState } from '../model.js';
import { environmentOf } from './proxies.js';
import { render } from './details.js';

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
export const attributes = {
  system: keyword('System'),
  environment: keyword('Environment'),
  version: keyword('Version'),
  phase: keyword('Phase'),
  outcome: keyword('Outcome'),
};

/** The phase of each step that has not the phase `change`: what the column of the UI's list shows. */
const phases: Partial<Record<StepName, string>> = {
  resolve: 'preflight',
  preflight: 'preflight',
  go: 'go',
  window: 'window',
  fetch: 'prepare',
  backup: 'prepare',
  rehearse: 'prepare',
  verify: 'verify',
  open: 'open',
  effects: 'open',
  watch: 'watch',
  'sign-off': 'sign-off',
  rollback: 'rollback',
  reopen: 'undo',
};

/** Where a run stands, for people: the `status` query, the UI's current details, search attributes, memo. */
export class Board {
  readonly status: Status;
  private phase = 'preflight';

  constructor(kind: Kind, version: string, by: string) {
    const environment = environmentOf(workflowInfo().workflowId);
    this.status = {
      environment,
      kind,
      run: null,
      version,
      previous: null,
      phase: 'resolve',
      state: 'running',
      by,
      startedAt: now(),
      steps: [],
      checks: [],
      questions: [],
      refused: [],
      refusedCount: 0,
    };
    upsertSearchAttributes([
      { key: attributes.system, value: environment.split('/')[0] ?? environment },
      { key: attributes.environment, value: environment },
      ...(version ? [{ key: attributes.version, value: version }] : []),
      { key: attributes.phase, value: this.phase },
    ]);
  }

  resolved(
    run: { id: string; version: { version: string }; previous: { version: string } | null },
    by: string,
    outline: Outline,
  ): void {
    Object.assign(this.status, {
      run: run.id,
      version: run.version.version,
      previous: run.previous?.version ?? null,
      by,
      planHash: outline.hash,
    });
    if (this.status.kind !== 'deploy')
      upsertSearchAttributes([{ key: attributes.version, value: run.version.version }]);
    this.show();
  }

  /** `status` tells the step; the search attribute changes with the phase only, since each change costs an event and a write to visibility. */
  enter(step: StepName | 'undo'): void {
    this.status.phase = step;
    const phase = step === 'undo' ? 'undo' : (phases[step] ?? 'change');
    if (this.phase === phase || step === 'record') return;
    this.phase = phase;
    upsertSearchAttributes([{ key: attributes.phase, value: phase }]);
  }

  began(name: StepName, undo = false): StepState {
    const state: StepState = { name, undo, state: 'running', startedAt: now() };
    this.status.steps.push(state);
    this.show();
    return state;
  }

  ended(step: StepState, state: StepState['state'], note?: string): void {
    delete this.status.checking;
    Object.assign(step, { state, endedAt: now(), ...(note ? { note } : {}) });
    this.show();
  }

  /** Before their activity, which alone knows how far they are: its heartbeat tells. */
  checking(names: string[]): void {
    if (names.length > 0) this.status.checking = names;
    this.show();
  }

  checked(report: CheckReport): void {
    delete this.status.checking;
    this.status.checks = [...this.status.checks.filter((other) => other.phase !== report.phase), report];
    this.show();
  }

  ask(question: Question): void {
    this.status.questions.push(question);
    this.status.state = 'waiting';
    this.show();
  }

  answered(question: Question): void {
    this.status.questions = this.status.questions.filter((other) => other !== question);
    this.status.state = this.status.questions.length > 0 ? 'waiting' : 'running';
    this.show();
  }

  refused(message: string, reason: string): void {
    this.status.refusedCount += 1;
    this.status.refused = [...this.status.refused.slice(-49), { at: now(), message: message.slice(0, 300), reason }];
    this.show();
  }

  finish(outcome: Outcome, reason: string): void {
    Object.assign(this.status, { phase: 'ended', state: 'ended', outcome, reason, questions: [] });
    upsertSearchAttributes([
      { key: attributes.outcome, value: outcome },
      { key: attributes.phase, value: 'ended' },
    ]);
    upsertMemo({ outcome, reason, evidence: this.status.run ?? '' });
    this.show();
  }

  show(): void {
    setCurrentDetails(render(this.status));
  }
}

/** Workflow time: replays give the same. */
export function now(): string {
  return new Date().toISOString();
}
