import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { isBeside } from '../beside.js';
import { fail } from '../errors.js';
import { workflowQueue, type Temporal } from '../lib/connection.js';
import type { Kind } from '../model.js';
import { describeHolder, findHolder } from './holder.js';

export interface StartedRun {
  environment: string;
  runId: string;
  /** Its workflow id, where that is not the environment. */
  id?: string;
}

/** What holds an environment has its name; what runs beside has its own. */
export function idOf(kind: Kind, environment: string): string {
  return isBeside(kind) ? `${environment}/${kind}` : environment;
}

/** Starts a run, which takes the environment's lock by its id. Throws Held, naming the holder. */
export async function startRun(
  temporal: Temporal,
  kind: Kind,
  environment: string,
  input: Record<string, string | undefined>,
): Promise<StartedRun> {
  const run = await tryStart(temporal, kind, environment, input);
  if (run) return run;
  if (isBeside(kind))
    throw fail('Held', `a ${kind} of ${environment} runs already: slipway status ${environment} shows it`);
  const holder = await findHolder(temporal, environment);
  throw fail(
    'Held',
    holder
      ? await describeHolder(temporal, environment, holder)
      : `${environment} is held by another run: slipway status ${environment}`,
  );
}

/** As `startRun`; undefined where the environment is held. */
export async function tryStart(
  temporal: Temporal,
  kind: Kind,
  environment: string,
  input: Record<string, string | undefined>,
): Promise<StartedRun | undefined> {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value));
  const title = `${kind}${given.version ? ` ${given.version}` : ''}`;
  const by = given.by ? `, started by ${given.by}` : '';
  const id = idOf(kind, environment);
  try {
    const handle = await temporal.client.workflow.start(kind, {
      workflowId: id,
      taskQueue: workflowQueue,
      args: [given],
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: title,
      staticDetails: `${title} into ${environment}${by}${given.reason ? `: ${given.reason}` : ''}`,
    });
    return { environment, runId: handle.firstExecutionRunId, ...(id === environment ? {} : { id }) };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}
