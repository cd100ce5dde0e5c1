import { ApplicationFailure, CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { isBeside } from '../beside.js';
import { failureType } from '../errors.js';
import type { CheckReport, Choice, Outline, Release, Run, StepName, StepResult } from '../model.js';
import type { Board } from './board.js';
import { checksFailed, checksWarned } from './details.js';
import { failureWords } from './failure-words.js';
import type { Answer, Inbox } from './inbox.js';
import { codeOf, isAfterReset } from './plan-code.js';
import { around, askHost, checks } from './proxies.js';
import { TurnBack } from './turn-back.js';

export interface Undo {
  name: StepName;
  act(): Promise<unknown>;
}

/** Steps whose failure a person may pass over: what they find out, or start, is missed, the data is not. */
const skippable = new Set<StepName>(['rehearse', 'verify', 'effects', 'watch']);

/** What a saga's table is written in. Its methods stand alone, so that a saga may take them apart. */
export class Saga {
  /** What was registered, in order; taken from the end. */
  readonly undos: Undo[] = [];
  /** Whether a changing step was begun. */
  changed = false;
  /** From here on failures are always put to a person. */
  undoing = false;
  /** Whether people said go again after a Reset. */
  private confirmed = false;
  /** Hash of the data decision that people agreed to. */
  agreed = '';
  private readonly running = new Set<CancellationScope>();

  constructor(
    readonly run: Run,
    readonly outline: Outline,
    readonly board: Board,
    readonly inbox: Inbox,
  ) {}

  /** Registers the undo, then acts: a step may have acted and yet report a failure. */
  readonly step = async (name: StepName, act: () => Promise<unknown>, undo?: () => Promise<unknown>): Promise<void> => {
    // A plan that an earlier build made knows no later step.
    if (this.planned(name) === undefined || this.skips(name)) return;
    const changes = this.planned(name)?.changes ?? false;
    if (changes && !this.changed && isAfterReset() && !this.confirmed) await this.gate('go');
    const before = this.changed;
    if (undo) this.undos.push({ name, act: undo });
    this.changed ||= changes;
    try {
      await this.attempt(name, act);
    } catch (error) {
      if (failureType(error) === 'Fenced') this.changed = before; // the fence stands before the act
      throw error;
    }
  };

  /** Runs steps side by side; when one fails for good, the others are cancelled and awaited before anything is undone. */
  readonly both = async (...steps: Promise<void>[]): Promise<void> => {
    try {
      await Promise.all(steps);
    } catch (error) {
      for (const scope of this.running) scope.cancel();
      await Promise.allSettled(steps);
      throw error;
    }
  };

  /** The automatic checks of a phase in one activity, then those that people answer. */
  readonly check = async (
    phase: 'preflight' | 'verify',
    release: Release | null = null,
  ): Promise<'done' | 'skipped'> => {
    if (this.skips(phase)) return 'skipped';
    return this.attempt(phase, async () => {
      if (phase === 'verify' || this.run.kind === 'deploy') this.board.checking(this.outline.checks?.[phase] ?? []);
      return this.judge(phase, await checks.run(this.run, release));
    });
  };

  /** A point where people decide. With a choice about data, nothing said beforehand counts, and no cancel and no deadline answers. */
  readonly gate = async (name: 'go' | 'sign-off' | 'rollback', choose?: () => Promise<Choice>): Promise<void> => {
    const gate = this.outline.gates[name];
    const choice = choose && (await around.run(this.around(name, 1, false), choose));
    if (!gate && !choice?.asks) return void this.skips(name);
    this.board.enter(name);
    const state = this.board.began(name);
    this.board.ended(state, 'waiting');
    const lossy = choice?.asks ?? false;
    const ask = () =>
      this.inbox.ask({
        name,
        is: 'gate',
        text: gateText(this.run, name, choice),
        answers: ['approve', 'reject'],
        roles: gate?.roles ?? [],
        lossy,
        plan: codeOf(choice && name === 'rollback' ? choice.hash : this.outline.hash),
        detail: [...(choice ? choiceLines(choice) : this.outline.go), ...checksWarned(this.board.status.checks)],
        fourEyes: gate?.four_eyes ?? false,
        onDeadline: lossy ? 'remind' : (gate?.on_deadline ?? 'remind'),
        ...(gate?.deadlineMs ? { deadlineMs: gate.deadlineMs } : {}),
      });
    const answer = await (lossy ? CancellationScope.nonCancellable(ask) : ask());
    const said = answer ? `${answer.word} by ${answer.by}${answer.note ? `: ${answer.note}` : ''}` : 'expired';
    this.board.ended(state, answer?.word === 'approve' ? 'done' : 'failed', said);
    if (answer?.word === 'approve') {
      if (choice) this.agreed = choice.hash;
      this.confirmed = isAfterReset();
      return;
    }
    throw new TurnBack(this.undoing ? 'refused' : this.changed ? 'undo' : 'no-go', `${name}: ${said}`);
  };

  /** Waits, durably, until maintenance may begin; then what was checked before is checked again. */
  readonly window = async (): Promise<void> => {
    if (this.skips('window')) return;
    await this.attempt('window', async () => {
      const { waitMs, opensAt } = await askHost('window', [this.call('window')], 'window: when does it open');
      if (waitMs > 0) await sleep(waitMs, { summary: `window: opens ${opensAt}` });
      return { note: waitMs > 0 ? `opened ${opensAt}` : 'open' };
    });
    await this.check('preflight');
  };

  /** Verify goes on for a while, rollback still one message away. */
  readonly watch = async (): Promise<void> => {
    await this.step('watch', async () => this.judge('watch', await checks.watch(this.run)));
  };

  /** Acts until it is done, or until policy or a person says otherwise; a cancel of its scope ends the question as well as the act. */
  async attempt(name: StepName, act: () => Promise<unknown>, undo = false): Promise<'done' | 'skipped'> {
    this.board.enter(undo ? 'undo' : name);
    const scope = new CancellationScope();
    this.running.add(scope);
    try {
      return await scope.run(() => this.tryUntilDone(name, act, undo));
    } finally {
      this.running.delete(scope);
    }
  }

  /** The saga's only catch around a step. */
  private async tryUntilDone(name: StepName, act: () => Promise<unknown>, undo: boolean): Promise<'done' | 'skipped'> {
    const state = this.board.began(name, undo);
    for (let count = 1; ; count++) {
      try {
        const result = await around.run(this.around(name, count, undo), act);
        this.board.ended(state, undo ? 'undone' : 'done', (result as StepResult | undefined)?.note);
        return 'done';
      } catch (error) {
        this.board.ended(state, 'failed', isCancellation(error) ? 'cancelled' : failureWords(error));
        if (leaves(error)) throw error;
        const answer = await this.failed(name, error);
        if (answer.word === 'skip') {
          this.board.ended(state, 'skipped', `${answer.by}: ${answer.note || 'no reason given'}`);
          return 'skipped';
        }
        if (answer.word !== 'retry')
          throw new TurnBack(
            answer.word === 'stop' ? 'stop' : 'undo',
            `${name}: ${failureWords(error)}`,
            failureType(error),
          );
        this.board.ended(state, 'running', `again, says ${answer.by}`);
      }
    }
  }

  /** Whether the plan has that step, and does not skip it. */
  has(name: StepName): boolean {
    return this.planned(name) !== undefined && this.run.skipped[name] === undefined;
  }

  /** The first arguments of an activity that is called outside `attempt`. */
  call(step: StepName) {
    return { run: this.run, at: { step, undo: false, try: 1 }, notes: this.inbox.takeNotes() };
  }

  /** What a failed step comes to. Unknown outcomes, undos and rollbacks are always put to a person. */
  private async failed(name: StepName, error: unknown): Promise<Answer> {
    // Nobody waits beside it, and while it waited no Schedule would start another.
    if (isBeside(this.run.kind)) return { word: 'stop', by: 'policy', note: '' };
    const always =
      this.undoing ||
      this.run.kind === 'rollback' ||
      failureType(error) === 'OutcomeUnknown' ||
      failureType(error) === 'EvidenceUnwritable';
    if (!always && this.outline.on_failure === 'rollback') return { word: 'rollback', by: 'policy', note: '' };
    const answers = this.undoing
      ? ['retry', 'skip', 'stop']
      : ['retry', ...(skippable.has(name) ? ['skip'] : []), 'rollback', 'stop'];
    const answer = await this.inbox.ask({
      name,
      is: 'failure',
      text: failureWords(error),
      answers,
      roles: this.outline.gates.rollback?.roles ?? [],
      plan: codeOf(this.outline.hash),
      detail: this.undoing
        ? ['skip = it was done by hand, and you have verified it', 'stop = leave everything as it is now']
        : [],
    });
    return answer ?? { word: 'stop', by: 'deadline', note: '' };
  }

  /** Puts the asked checks to people and turns failing ones into a failure. */
  async judge(phase: StepName, report: CheckReport): Promise<StepResult> {
    this.board.checked(report);
    await Promise.all(
      report.results
        .filter((result) => result.ask)
        .map(async (result) => {
          const answer = await this.inbox.ask({
            name: result.name,
            is: 'check',
            text: result.ask?.text ?? result.name,
            answers: ['pass', 'fail', 'n/a'],
            roles: result.ask?.role ? [result.ask.role] : [],
            plan: codeOf(this.outline.hash),
          });
          result.outcome = (answer?.word ?? 'fail') as 'pass' | 'fail' | 'n/a';
          result.seen = `${answer?.word} by ${answer?.by}${answer?.note ? `: ${answer.note}` : ''}`;
        }),
    );
    this.board.checked(report);
    const message = checksFailed(report.results);
    if (message === undefined)
      return { note: `${report.results.filter((result) => result.outcome === 'pass').length} checks passed` };
    if (phase === 'preflight' && !this.changed) throw new TurnBack('no-go', message, 'NoGo');
    throw ApplicationFailure.nonRetryable(message, 'CheckFailed');
  }

  private skips(name: StepName): boolean {
    const reason = this.run.skipped[name];
    if (reason === undefined) return false;
    this.board.ended(this.board.began(name), 'skipped', reason);
    this.inbox.note('skipped', `${name}: ${reason}`, { step: name });
    return true;
  }

  private planned(name: StepName) {
    return this.outline.steps.find((step) => step.name === name);
  }

  private around(step: StepName, count: number, undo: boolean) {
    const title = this.planned(step)?.title;
    return {
      at: { step, undo, try: count },
      summary: `${undo ? 'undo ' : ''}${step}${title && !undo ? `: ${title}` : ''}${count > 1 ? ` (try ${count})` : ''}`,
      takeNotes: () => this.inbox.takeNotes(),
    };
  }
}

/** Failures that no answer to "retry or skip?" can mend. */
function leaves(error: unknown): boolean {
  return (
    (error instanceof TurnBack && error.to !== 'refused') || isCancellation(error) || failureType(error) === 'Fenced'
  );
}

function gateText(run: Run, name: string, choice?: Choice): string {
  if (choice?.decision === 'keep-ahead')
    return `May ${run.version.version} run on the newer database? ${choice.decision}: ${choice.reason}`;
  if (choice?.asks) return `May data be lost? ${choice.decision}: ${choice.reason}`;
  if (name === 'sign-off') return `Is ${run.version.version} accepted in ${run.environment}?`;
  return `${run.kind} ${run.version.version} (${run.version.sha.slice(0, 7)}) over ${run.previous?.version ?? 'nothing'} in ${run.environment}?`;
}

function choiceLines(choice: Choice): string[] {
  const loss =
    choice.loss === null
      ? ['changes that would be lost: unknown']
      : Object.entries(choice.loss).map(
          ([table, rows]) => `${table}: at least ${rows} ${rows === 1 ? 'change' : 'changes'} would be lost`,
        );
  return [
    `${choice.decision}: ${choice.reason}`,
    ...(loss.length > 0 ? loss : ['no row would be lost']),
    ...choice.drops.map((name) => `would be dropped: ${name}`),
  ];
}
