import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  workflowInfo,
} from '@temporalio/workflow';
import { failureType, rootMessage } from '../errors.js';
import type { Kind, Outcome, Report, Resolved } from '../model.js';
import { Board } from './board.js';
import { failureWords } from './failure-words.js';
import { Inbox } from './inbox.js';
import { checkInput, refuseStart, textOf } from './start.js';
import { askHost, control, environmentOf, record } from './proxies.js';
import { Saga } from './saga.js';
import { takeBack, type End } from './take-back.js';

const reached: Record<Kind, Outcome> = {
  deploy: 'deployed',
  rollback: 'done',
  adopt: 'done',
  recover: 'done',
  backup: 'done',
  rehearse: 'done',
};

/**
 * Runs one saga: sets the handlers before its first await, resolves, acts, undoes where it must, verifies, closes the record.
 * Completed only if the run reached what was asked; else Failed, with the outcome as type and the report as detail.
 */
export async function runSaga(kind: Kind, input: unknown, table: (saga: Saga) => Promise<void>): Promise<Report> {
  const board = new Board(kind, textOf(input, 'version'), textOf(input, 'by'));
  const forward = new CancellationScope();
  const inbox = new Inbox(board, () => forward.cancel());
  let saga: Saga | undefined;
  let end: End;
  try {
    const resolved = await resolve(kind, input, board);
    saga = open(resolved, board, inbox);
    const going = saga;
    await forward.run(() => table(going));
    end = { outcome: reached[kind], reason: '' };
  } catch (error) {
    const failed = saga;
    end = failed ? await CancellationScope.nonCancellable(() => takeBack(failed, error)) : unresolved(error);
  }
  return CancellationScope.nonCancellable(() => finish(kind, board, inbox, saga, end));
}

async function resolve(kind: Kind, input: unknown, board: Board): Promise<Resolved> {
  refuseStart(kind);
  const checked = checkInput(kind, input);
  const environment = environmentOf(workflowInfo().workflowId);
  const { environments, errors } = await control.environments();
  if (!environments.includes(environment)) throw unknownEnvironment(environment, environments, errors);
  const state = board.began('resolve');
  try {
    const resolved = await askHost(
      'resolve',
      [{ kind, input: checked }],
      `resolve: ${kind} ${textOf(input, 'version')}`,
    );
    board.ended(state, 'done');
    return resolved;
  } catch (error) {
    board.ended(state, 'failed', failureWords(error));
    throw error;
  }
}

/** A file that can't be read names no environment: then its errors are what a person has to know. */
function unknownEnvironment(environment: string, known: string[], errors: string[]): ApplicationFailure {
  const own = errors.filter((line) => line.includes(`${environment.split('/')[0]}.yaml:`));
  // One slip of YAML brings a tail of errors behind it: the first is the one to mend.
  const more = own.length > 1 ? `; ${own.length - 1} more: slipway validate` : '';
  if (own[0]) return ApplicationFailure.nonRetryable(own[0] + more, 'BadDefinition');
  return ApplicationFailure.nonRetryable(
    `there is no environment ${environment}; known: ${known.join(', ') || 'none'}`,
    'Usage',
  );
}

function open({ run, by, outline }: Resolved, board: Board, inbox: Inbox): Saga {
  inbox.outline = outline;
  inbox.starter = by;
  board.resolved(run, by, outline);
  return new Saga(run, outline, board, inbox);
}

function unresolved(error: unknown): End {
  const problem = failureType(error);
  const noGo = problem === 'Drift' || problem === 'NotBuilt' || problem === 'NoGo';
  return { outcome: noGo ? 'no-go' : 'failed-unchanged', reason: failureWords(error), problem };
}

async function finish(kind: Kind, board: Board, inbox: Inbox, saga: Saga | undefined, end: End): Promise<Report> {
  const recorded = saga && end.problem !== 'Fenced' ? await close(saga, end) : undefined;
  board.finish(end.outcome, end.reason);
  await condition(allHandlersFinished);
  const report: Report = {
    environment: board.status.environment,
    kind,
    run: board.status.run,
    outcome: end.outcome,
    version: board.status.version,
    current: recorded ? recorded.current : end.problem === 'Fenced' ? null : board.status.previous,
    reason: end.reason,
    evidence: recorded?.evidence ?? null,
    approvals: inbox.approvals,
    steps: board.status.steps.map((step) => `${step.undo ? 'undo ' : ''}${step.name}: ${step.state}`),
    ...(end.problem ? { problem: end.problem } : {}),
  };
  if (end.outcome === reached[kind] || (end.outcome === 'rolled-back' && inbox.rollbackAsked)) return report;
  throw ApplicationFailure.nonRetryable(`${end.outcome}: ${end.reason}`, end.outcome, report);
}

/** The last entry of the record. Where it can't be written a person is asked; whatever they say, the run then ends. */
async function close(saga: Saga, end: End) {
  saga.undoing = true;
  let recorded: Awaited<ReturnType<typeof record>> | undefined;
  const { status } = saga.board;
  const ending = {
    outcome: end.outcome,
    reason: end.reason,
    by: status.by,
    startedAt: status.startedAt,
    approvals: saga.inbox.approvals,
  };
  try {
    await saga.attempt('record', async () => {
      recorded = await record(saga.run, ending);
    });
  } catch (error) {
    end.reason += `; the record is not closed: ${rootMessage(error)}`;
  }
  return recorded;
}
