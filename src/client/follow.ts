import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Temporal } from '../lib/connection.js';
import type { Report, Status } from '../model.js';
import { formatDuration } from '../view/duration.js';
import { Progress } from '../view/progress.js';
import { plainText } from '../view/style.js';
import type { Cli } from './cli.js';
import { askStatus, findHolder } from './holder.js';
import { Notices } from './notices.js';
import { readPending, type Pending } from './pending.js';
import type { StartedRun } from './start-run.js';

export type Ended =
  | { is: 'completed'; result: unknown }
  | { is: 'failed'; report?: Report; error: WorkflowFailedError }
  /** A failure waits for an answer, and nobody is here to give it. */
  | { is: 'asks' }
  /** Ctrl-C: the run goes on. */
  | { is: 'left' };

const EVERY_MS = 300;

/**
 * Follows a run to its end, telling each thing once. Goes on while no worker or no server answers, and says so once; only the
 * run's end, Ctrl-C, and a failure that waits with nobody at the terminal end it.
 */
export async function follow(cli: Cli, temporal: Temporal, run: StartedRun): Promise<Ended> {
  const progress = new Progress(cli.sayStyle, cli.moving);
  const notices = new Notices(cli, run.environment);
  const left = cli.interrupted();
  const gone = new Promise<undefined>((resolve) =>
    left.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  const tell = (status: Status) => progress.lines(status, Date.now()).forEach((line) => cli.say(line));
  try {
    while (!left.aborted) {
      const seen = await Promise.race([look(temporal, run), gone]);
      if (!seen) break;
      const { status, holder } = seen;
      if (holder === 'no server') {
        notices.server();
        await pause(left, 1000);
        continue;
      }
      if (!holder?.running) return await ended(temporal, run, tell);
      const pending = await readPending(temporal, holder.description, Date.now());
      notices.show({ answered: status !== undefined, pending });
      if (status) {
        tell(status);
        cli.live(liveLine(status, pending));
        if (!cli.person && status.questions.some((question) => question.is === 'failure')) return { is: 'asks' };
      }
      await pause(left, EVERY_MS);
    }
    return { is: 'left' };
  } finally {
    cli.live('');
  }
}

async function look(temporal: Temporal, { environment, id = environment, runId }: StartedRun) {
  const found = findHolder(temporal, id, runId).catch(() => 'no server' as const);
  const [status, holder] = await Promise.all([askStatus(temporal, id, runId), found]);
  return { status, holder };
}

async function ended({ client, ...rest }: Temporal, run: StartedRun, tell: (status: Status) => void): Promise<Ended> {
  const id = run.id ?? run.environment;
  const last = await askStatus({ client, ...rest }, id, run.runId);
  if (last) tell(last);
  try {
    return { is: 'completed', result: await client.workflow.getHandle(id, run.runId).result() };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    const details = cause instanceof ApplicationFailure ? (cause.details?.[0] as Report | undefined) : undefined;
    return { is: 'failed', error, ...(details?.outcome ? { report: details } : {}) };
  }
}

let frame = 0;
function liveLine(status: Status, pending: Pending[]): string {
  const step = status.steps.findLast((one) => one.state === 'running');
  if (!step) return '';
  const spinner = '|/-\\'[frame++ % 4];
  const took = formatDuration(Date.now() - Date.parse(step.startedAt));
  const line = pending
    .map((one) => one.line)
    .filter(Boolean)
    .join('; ');
  return `${spinner} ${step.undo ? 'undo ' : ''}${step.name}  ${took}  ${plainText(line)}`;
}

async function pause(left: AbortSignal, ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: left }).catch(() => undefined);
}
