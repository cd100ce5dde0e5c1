import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { Temporal } from '../lib/connection.js';
import type { Kind, Status } from '../model.js';
import { formatTime } from '../view/duration.js';
import { isNotFound } from './rpc.js';

/** Whoever holds an environment, or was the last to do so. */
export interface Holder {
  kind: Kind;
  runId: string;
  running: boolean;
  description: WorkflowExecutionDescription;
}

/** The latest execution under an environment's id; undefined where there never was one. Throws when the server does not answer in 3 s. */
export async function findHolder(
  { client }: Temporal,
  environment: string,
  runId?: string,
): Promise<Holder | undefined> {
  try {
    const description = await client.withDeadline(Date.now() + 3000, () =>
      client.workflow.getHandle(environment, runId).describe(),
    );
    return {
      kind: description.type as Kind,
      runId: description.runId,
      running: description.status.name === 'RUNNING',
      description,
    };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** What a run says of itself; undefined when no worker answers within the time. */
export async function askStatus(
  { client }: Temporal,
  environment: string,
  runId: string,
  withinMs = 3000,
): Promise<Status | undefined> {
  try {
    return await client.withDeadline(Date.now() + withinMs, () =>
      client.workflow.getHandle(environment, runId).query<Status>('status'),
    );
  } catch {
    return undefined;
  }
}

/** One line that names the holder, where it is, and how to look at it. */
export async function describeHolder(temporal: Temporal, environment: string, holder: Holder): Promise<string> {
  const status = await askStatus(temporal, environment, holder.runId);
  const { searchAttributes, startTime } = holder.description;
  const first = (name: string) => String(searchAttributes[name]?.[0] ?? '?');
  // Before its first task was done it says nothing of itself but what whoever started it said.
  const begun = await holder.description.staticSummary();
  const what = status?.version ? `${holder.kind} ${status.version}` : (begun ?? `${holder.kind} ${first('Version')}`);
  const by = status?.by ? ` started by ${status.by}` : '';
  const at = status?.phase ?? first('Phase');
  return `${environment} is held: ${what}${by} at ${formatTime(startTime.toISOString())}, now at ${at}; slipway watch ${environment}`;
}
