import {
  condition,
  currentUpdateInfo,
  setDefaultSignalHandler,
  setDefaultUpdateHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { AnswerInput, ApproveInput, Note, Outline, Question, Report, RollbackInput } from '../model.js';
import { now, type Board } from './board.js';
import { judge, type Message, type Verdict } from './judge.js';
import * as messages from './messages.js';

export interface Answer {
  word: string;
  by: string;
  note: string;
}
export interface Asking extends Omit<Question, 'since' | 'deadline'> {
  deadlineMs?: number;
  /** At the deadline: `reject` answers for the people, `remind` goes on waiting. */
  onDeadline?: 'reject' | 'remind';
  /** Data could be lost by the answer: nothing that was said before the question counts. */
  lossy?: boolean;
  fourEyes?: boolean;
}
export interface OpenQuestion extends Question {
  fourEyes: boolean;
  answer?: Answer;
}

/** All that people say to a run, in arrival order, through one queue. */
export class Inbox {
  readonly approvals: Report['approvals'] = [];
  readonly open: OpenQuestion[] = [];
  /** Gates that were passed: a later word on them is late, not early. */
  readonly passed = new Set<string>();
  outline: Outline | undefined;
  starter = '';
  rollbackAsked: { by: string; reason: string } | undefined;
  undoing = false;
  private readonly early: Message[] = [];
  private readonly counted = new Set<string>();
  private notes: Note[] = [];
  private noteCount = 0;

  constructor(
    readonly board: Board,
    private readonly onRollback: () => void,
  ) {
    setHandler(messages.approveSignal, (input) => void this.receive('approve', input), {
      description: messages.descriptions.approve,
    });
    setHandler(messages.rejectSignal, (input) => void this.receive('reject', input), {
      description: messages.descriptions.reject,
    });
    setHandler(messages.answerSignal, (input) => void this.receive('answer', input), {
      description: messages.descriptions.answer,
    });
    setHandler(messages.rollbackSignal, (input) => void this.receive('rollback', input), {
      description: messages.descriptions.rollback,
    });
    const update = (name: messages.MessageName) => ({
      description: messages.descriptions[name],
      validator: (input: unknown) => this.validate(name, input),
    });
    setHandler(messages.approveUpdate, (input: ApproveInput) => this.receive('approve', input), update('approve'));
    setHandler(messages.rejectUpdate, (input: ApproveInput) => this.receive('reject', input), update('reject'));
    setHandler(messages.answerUpdate, (input: AnswerInput) => this.receive('answer', input), update('answer'));
    setHandler(messages.rollbackUpdate, (input: RollbackInput) => this.receive('rollback', input), update('rollback'));
    setHandler(messages.statusQuery, () => board.status, { description: messages.descriptions.status });
    setDefaultSignalHandler(
      (name) => void this.refuse(name, `there is no signal ${name}: send approve, reject, answer or rollback`),
    );
    setDefaultUpdateHandler((name) => {
      this.refuse(name, `there is no update ${name}`);
      return `refused: there is no update ${name}: send approve, reject, answer or rollback`;
    });
  }

  /** Puts a question and waits for the first answer that counts. `undefined` means that the deadline answered. */
  async ask(asking: Asking): Promise<Answer | undefined> {
    const { deadlineMs, onDeadline = 'remind', lossy = false, fourEyes = false, ...rest } = asking;
    const question: OpenQuestion = {
      ...rest,
      fourEyes,
      since: now(),
      ...(deadlineMs ? { deadline: new Date(Date.now() + deadlineMs).toISOString() } : {}),
    };
    this.open.push(question);
    this.board.ask(question);
    if (!lossy) this.hearEarly();
    try {
      const answered = () => question.answer !== undefined;
      // Reminders come ever more seldom, up to once a day: weeks of waiting cost nothing.
      for (let waitMs = deadlineMs; !answered(); waitMs = Math.min((waitMs ?? 0) * 2, 86_400_000)) {
        if (!waitMs) await condition(answered);
        else if (
          !(await condition(answered, waitMs, { summary: `${question.name}: deadline` })) &&
          onDeadline === 'reject'
        )
          return undefined;
        else if (!answered()) this.note('reminder', `${question.name} still waits`);
      }
      return question.answer;
    } finally {
      this.open.splice(this.open.indexOf(question), 1);
      if (question.is === 'gate') this.passed.add(question.name);
      this.board.answered(question);
    }
  }

  note(kind: string, text: string, data?: Record<string, unknown>): void {
    this.noteCount += 1;
    // A Reset counts from the start again, but writes into the same record.
    this.notes.push({
      id: `note-${workflowInfo().runId.slice(-6)}-${this.noteCount}`,
      at: now(),
      kind,
      text,
      ...(data ? { data } : {}),
    });
  }

  /** What was noted since the last activity. */
  takeNotes(): Note[] {
    const taken = this.notes;
    this.notes = [];
    return taken;
  }

  private validate(name: messages.MessageName, input: unknown): void {
    const verdict = judge(this, { name, input });
    if (verdict.is === 'refused') throw new Error(verdict.reason);
  }

  private receive(name: messages.MessageName, input: unknown): string {
    const message: Message = { name, input };
    const id = messageId(input) ?? currentUpdateInfo()?.id ?? undefined;
    if (id && this.counted.has(id)) return 'counted before';
    const verdict = judge(this, message);
    if (verdict.is !== 'refused' && id) this.counted.add(id);
    return this.apply(message, verdict);
  }

  private apply(message: Message, verdict: Verdict): string {
    if (verdict.is === 'refused')
      return this.refuse(`${message.name} ${JSON.stringify(message.input) ?? ''}`, verdict.reason);
    if (verdict.is === 'early') {
      this.early.push(message);
      this.note('early', `${message.name} is kept until its gate opens`, { input: message.input });
      return 'kept until its gate opens';
    }
    if (verdict.is === 'rollback') {
      this.rollbackAsked = { by: verdict.by, reason: verdict.reason };
      this.note('rollback', `${verdict.by} asked to take this run back: ${verdict.reason}`);
      this.onRollback();
      return 'taking this run back';
    }
    const { question, answer } = verdict;
    question.answer = answer;
    this.note(question.is === 'gate' ? answer.word : 'answer', `${answer.by}: ${question.name} ${answer.word}`, {
      ...answer,
      to: question.name,
      plan: question.plan,
    });
    if (answer.word === 'approve') this.approvals.push({ gate: question.name, by: answer.by, at: now() });
    return `${question.name}: ${answer.word} by ${answer.by}`;
  }

  private refuse(message: string, reason: string): string {
    this.board.refused(message, reason);
    this.note('refused', reason, { message: message.slice(0, 300) });
    return `refused: ${reason}`;
  }

  /** What was said before its gate opened counts now, if it still fits. */
  private hearEarly(): void {
    for (const message of this.early.splice(0)) {
      const verdict = judge(this, message);
      if (verdict.is === 'early') this.early.push(message);
      else this.apply(message, verdict);
    }
  }
}

function messageId(input: unknown): string | undefined {
  const id = typeof input === 'object' && input !== null ? (input as { id?: unknown }).id : undefined;
  return typeof id === 'string' ? id : undefined;
}
