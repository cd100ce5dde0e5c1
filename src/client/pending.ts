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

const SCHEDULED = 1;
const PATIENCE_MS = 5000;

/** The activities that are open, as the server sees them. An activity that waits for 5 s has no worker. */
export async function readPending(
  { client }: Temporal,
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

/** Milliseconds of a protobuf timestamp; 0 where it is not set. */
export function toMs(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return time ? Number(time.seconds ?? 0) * 1000 + (time.nanos ?? 0) / 1e6 : 0;
}
