import type { Status, StepState } from '../model.js';
import { renderFailedChecks } from './checks.js';
import { formatDuration } from './duration.js';
import { renderQuestion } from './question.js';
import { plainText, type Mark, type Style } from './style.js';

/** After this long a running step is worth a line of its own where nothing moves on the screen. */
const LONG_MS = 2000;
const marks: Record<Exclude<StepState['state'], 'waiting'>, Mark> = {
  running: 'running',
  done: 'done',
  failed: 'failed',
  skipped: 'skipped',
  undone: 'undone',
};

/** Turns the states of a run into lines that are appended: each thing is told once. */
export class Progress {
  private readonly told = new Map<string, string>();
  private refused = 0;

  /** @param moving whether the running step is shown elsewhere, as on a terminal */
  constructor(
    private readonly style: Style,
    private readonly moving = false,
  ) {}

  /** What is new in this state. `nowMs` is the time in milliseconds. */
  lines(status: Status, nowMs: number): string[] {
    return [
      ...status.steps.flatMap((step, i) => this.stepLines(status, step, `step ${i}`, nowMs)),
      ...this.refusals(status),
      ...status.questions.flatMap((question) => {
        const isNew = this.isNews(`question ${question.name} ${question.plan}`, question.since);
        return isNew ? renderQuestion(status.environment, question, this.style) : [];
      }),
    ];
  }

  private stepLines(status: Status, step: StepState, key: string, nowMs: number): string[] {
    if (step.state === 'waiting') return []; // its question tells it
    if (step.state === 'running') {
      const again = this.told.has(key) && Boolean(step.note);
      const long = !this.moving && nowMs - Date.parse(step.startedAt) >= LONG_MS;
      if (!again && !long) return [];
      if (!this.isNews(`${key} running`, step.endedAt ?? 'first')) return [];
      return [renderStep(step, this.style, again ? (step.note ?? '') : '')];
    }
    if (!this.isNews(key, `${step.state} ${step.endedAt}`)) return [];
    const report = status.checks.find((checks) => checks.phase === step.name);
    const failed = step.undo ? [] : renderFailedChecks(report?.results ?? [], this.style);
    const told = step.state === 'failed' && failed.length > 0;
    return [renderStep(step, this.style, told ? 'these checks failed:' : (step.note ?? '')), ...failed];
  }

  private refusals(status: Status): string[] {
    const count = Math.min(status.refusedCount - this.refused, status.refused.length);
    this.refused = status.refusedCount;
    if (count <= 0) return [];
    return status.refused
      .slice(-count)
      .map(
        ({ message, reason }) =>
          `${this.style.mark('note')} did not count: ${plainText(message)}: ${plainText(reason)}`,
      );
  }

  private isNews(key: string, value: string): boolean {
    if (this.told.get(key) === value) return false;
    this.told.set(key, value);
    return true;
  }
}

/** One line: mark, name, how long it took, what it left to say. */
export function renderStep(step: StepState, style: Style, note = step.note ?? ''): string {
  const mark = style.mark(step.state === 'waiting' ? 'waiting' : marks[step.state]);
  const name = `${step.undo ? 'undo ' : ''}${step.name}`.padEnd(15);
  const ended = step.endedAt && (step.state === 'done' || step.state === 'failed' || step.state === 'undone');
  const took = ended ? formatDuration(Date.parse(step.endedAt ?? '') - Date.parse(step.startedAt)) : '';
  return `${mark} ${name} ${took.padStart(9)}  ${plainText(note)}`.trimEnd();
}
