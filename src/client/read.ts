import { randomBytes } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import { fail, failureType, rootMessage } from '../errors.js';
import { workflowQueue, type Temporal } from '../lib/connection.js';
import { isDeadline } from './rpc.js';

export interface Reading {
  /** Whose host is asked; undefined asks the control workers. */
  environment?: string;
  args?: unknown[];
  /** A host without a worker is given up by the workflow after 60 s, by us after this. @default 65_000 */
  withinMs?: number;
}

/**
 * Asks a host, by a short workflow that holds nothing. Throws what the host threw, and Unreachable where no worker answered in time.
 */
export async function read<T>(
  temporal: Pick<Temporal, 'client'>,
  type: string,
  { environment, args = [], withinMs = 65_000 }: Reading,
): Promise<T> {
  const { client } = temporal;
  const workflowId = `${environment ?? 'slipway'}/${type}/${randomBytes(4).toString('hex')}`;
  const handle = await client.workflow.start(type, { workflowId, taskQueue: workflowQueue, args, staticSummary: type });
  try {
    return (await client.withDeadline(Date.now() + withinMs, () => handle.result())) as T;
  } catch (error) {
    if (error instanceof WorkflowFailedError) throw readFailure(error, environment);
    if (!isDeadline(error)) throw error;
    const { raw } = await handle.describe();
    await handle.terminate('nobody waits for it any more').catch(() => undefined);
    throw (raw.pendingActivities ?? []).length > 0 && environment ? noHostWorker(environment) : noWorkflowWorker();
  }
}

export function noWorkflowWorker(): Error {
  return fail('Unreachable', `no worker answers on the task queue ${workflowQueue}: start \`slipway worker\``);
}

function noHostWorker(environment: string): Error {
  return fail('Unreachable', `no worker serves ${environment}: start \`slipway worker\` on its host`);
}

function notServed(error: WorkflowFailedError, environment?: string): Error | undefined {
  const inner = error.cause?.cause;
  const unserved = inner instanceof TimeoutFailure && inner.timeoutType === 'SCHEDULE_TO_START';
  return unserved && environment ? noHostWorker(environment) : undefined;
}

/** What the workflow failed with, by its name. */
export function readFailure(error: WorkflowFailedError, environment?: string): Error {
  const unserved = notServed(error, environment);
  if (unserved) return unserved;
  const type = failureType(error);
  return type ? fail(type, rootMessage(error)) : new Error(rootMessage(error));
}
