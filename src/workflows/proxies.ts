import {
  ActivityCancellationType,
  ApplicationFailure,
  AsyncLocalStorage,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import type { At, Call, Choice, Ending, Note, Release, Run } from '../model.js';

/** What surrounds a call: set by the saga, read here, so that a saga's table of steps shows no plumbing. */
export interface Around {
  at: At;
  /** One line for the UI's timeline; starts with the phase. */
  summary: string;
  /** Takes what the workflow noted since its last activity, for the evidence. */
  takeNotes(): Note[];
}
export const around = new AsyncLocalStorage<Around>();

const common = { cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED } as const;

/**
 * Acts on the host, as often as it takes: the host decides what "once" means, every failure that a person has to see is
 * thrown as not retryable, and only a lost worker is tried again. No schedule-to-start timeout: a step waits for its host.
 */
export const acting: ActivityOptions = {
  ...common,
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: '5 seconds',
  retry: { initialInterval: '100 milliseconds', backoffCoefficient: 1 },
};

/** Reads before the first change: a host without a worker is found within a minute. */
const asking: ActivityOptions = { ...acting, scheduleToStartTimeout: '60 seconds' };

type Answer<Name extends keyof Activities> = Promise<Awaited<ReturnType<Activities[Name]>>>;

/** Calls one activity on the environment's host. */
export function onHost<Name extends keyof Activities>(
  name: Name,
  args: Parameters<Activities[Name]>,
  summary: string,
  options = acting,
): Answer<Name> {
  const here: ActivityOptions = {
    ...options,
    taskQueue: environmentOf(workflowInfo().workflowId),
    summary: cut(summary),
  };
  const call = proxyActivities<Activities>(here)[name] as unknown as (...args: unknown[]) => Answer<Name>;
  return call(...args).then((result) => refuseMarked(name, result));
}

/** As `onHost`, for what comes before the first change. */
export function askHost<Name extends keyof Activities>(
  name: Name,
  args: Parameters<Activities[Name]>,
  summary: string,
): Answer<Name> {
  return onHost(name, args, summary, asking);
}

/** The list of environments, served by control workers on the workflows' own queue. */
export const control = proxyActivities<Pick<Activities, 'environments'>>({
  ...common,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
});

/** Activities whose first argument is a Call: the steps of a saga. */
type StepActivity = {
  [N in keyof Activities]: Activities[N] extends (call: Call, ...rest: never[]) => unknown ? N : never;
}[keyof Activities];
type Rest<Name extends StepActivity> = Activities[Name] extends (call: Call, ...rest: infer R) => unknown ? R : never;

function step<Name extends StepActivity>(name: Name, run: Run, ...rest: Rest<Name>): Answer<Name> {
  const here = around.getStore();
  if (!here) throw ApplicationFailure.nonRetryable(`${name} was called outside a step`, 'Usage');
  const call: Call = { run, at: here.at, notes: here.takeNotes() };
  const options = here.at.step === 'preflight' ? asking : acting;
  return onHost(name, [call, ...rest] as unknown as Parameters<Activities[Name]>, here.summary, options);
}

export const source = {
  fetch: (run: Run) => step('fetch', run),
  switch: (run: Run, release: Release | null) => step('switch', run, release),
};
export const runtime = {
  stop: (run: Run) => step('stop', run),
  start: (run: Run, release: Release | null) => step('start', run, release),
  open: (run: Run) => step('open', run),
  close: (run: Run) => step('close', run),
};
export const migrations = {
  rehearse: (run: Run) => step('rehearse', run),
  upgrade: (run: Run) => step('migrate', run),
};
export const data = {
  backup: (run: Run) => step('backup', run),
  rehearseRestore: (run: Run) => step('rehearseRestore', run),
  standby: (run: Run) => step('standby', run),
  swapIn: (run: Run) => step('swapIn', run),
  choose: (run: Run) => step('choose', run),
  putBack: (run: Run, choice: Choice) => step('putBack', run, choice),
};
export const checks = {
  run: (run: Run, release: Release | null) => step('check', run, release),
  watch: (run: Run) => step('watch', run),
};
export const effects = {
  hold: (run: Run) => step('holdEffects', run),
  start: (run: Run, release: Release | null) => step('startEffects', run, release),
  stop: (run: Run) => step('stopEffects', run),
};
export const record = (run: Run, ending: Ending) => step('record', run, ending);

/** `shop/local` of `shop/local`, `shop/local/plan/1a2b`, and what a Schedule makes of them. */
export function environmentOf(workflowId: string): string {
  return workflowId.split('/').slice(0, 2).join('/');
}

/** The codec marks what it could not decode instead of throwing (a throw would wedge the workflow for ever). */
function refuseMarked<T>(name: string, result: T): T {
  if (typeof result === 'object' && result !== null && 'slipwayUndecodable' in result) {
    throw ApplicationFailure.nonRetryable(
      `the result of ${name} cannot be decoded: was it written with another codec?`,
      'Usage',
    );
  }
  return result;
}

/** Temporal keeps 400 bytes of a summary. */
function cut(summary: string): string {
  return summary.length > 120 ? `${summary.slice(0, 119)}…` : summary;
}
