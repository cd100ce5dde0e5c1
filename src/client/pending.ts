import type { WorkflowExecutionDescription } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import type { Temporal } from '../lib/connection.js';

/** What a run waits for on a host. */
export interface Pending {
  /** Since when no worker took it; undefined while one works on it, or for the first 5 s. */
  unservedSince?: string;
  /** The last line of progress that it told. */
  line: string;
}

/** As in `temporal.api.enums.v1`: PendingActivityState and TaskQueueType. */
const SCHEDULED = 1;
const ACTIVITIES = 2;
const PATIENCE_MS = 5000;

/** The activities that are open, as the server sees them. An activity that waits for 5 s has no worker. */
export async function readPending(
  { client }: Pick<Temporal, 'client'>,
  { raw }: WorkflowExecutionDescription,
  nowMs: number,
): Promise<Pending[]> {
  return Promise.all(
    (raw.pendingActivities ?? []).map(async (activity) => {
      const { state, scheduledTime, lastAttemptCompleteTime, nextAttemptScheduleTime, heartbeatDetails } = activity;
      const since = Math.max(...[scheduledTime, lastAttemptCompleteTime, nextAttemptScheduleTime].map(toMs));
      const unserved = Number(state) === SCHEDULED && nowMs - since > PATIENCE_MS;
      const [beat] = await decodeArrayFromPayloads(
        client.options.loadedDataConverter,
        heartbeatDetails?.payloads,
      ).catch(() => []);
      const line = (beat as { line?: unknown } | undefined)?.line;
      return {
        line: typeof line === 'string' ? line : '',
        ...(unserved ? { unservedSince: new Date(since).toISOString() } : {}),
      };
    }),
  );
}

/** When a worker last asked for the environment's work; undefined where none did in the last minutes. */
export async function lastServed({ client, namespace }: Temporal, environment: string): Promise<string | undefined> {
  const queue = { namespace, taskQueue: { name: environment }, taskQueueType: ACTIVITIES };
  const { pollers } = await client.workflowService.describeTaskQueue(queue);
  const last = Math.max(0, ...(pollers ?? []).map((poller) => toMs(poller.lastAccessTime)));
  return last > 0 ? new Date(last).toISOString() : undefined;
}

/** Milliseconds of a protobuf timestamp; 0 where it is not set. */
export function toMs(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return time ? Number(time.seconds ?? 0) * 1000 + (time.nanos ?? 0) / 1e6 : 0;
}
