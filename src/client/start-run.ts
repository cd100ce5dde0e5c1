import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { fail } from '../errors.js';
import { workflowQueue, type Temporal } from '../lib/connection.js';
import type { Kind } from '../model.js';
import { describeHolder, findHolder } from './holder.js';

export interface StartedRun {
  environment: string;
  runId: string;
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
  try {
    const handle = await temporal.client.workflow.start(kind, {
      workflowId: environment,
      taskQueue: workflowQueue,
      args: [given],
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: title,
      staticDetails: `${title} into ${environment}${by}${given.reason ? `: ${given.reason}` : ''}`,
    });
    return { environment, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}
