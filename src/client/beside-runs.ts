import type { Temporal } from '../lib/connection.js';
import type { Beside } from '../model.js';

/** The latest run of each kind that runs beside a release. */
export interface BesideRun {
  kind: Beside;
  running: boolean;
  startedAt: string;
  endedAt: string | null;
  /** How it ended, where it did. */
  outcome: string | null;
}

/** By Temporal's own list, which is some seconds behind. */
export async function besideRuns({ client }: Temporal, environment: string): Promise<BesideRun[]> {
  const found = await Promise.all((['backup', 'rehearse'] as const).map((kind) => latest(client, environment, kind)));
  return found.filter((one) => one !== undefined);
}

async function latest(client: Temporal['client'], environment: string, kind: Beside): Promise<BesideRun | undefined> {
  const query = `Environment = '${environment}' AND WorkflowType = '${kind}'`;
  for await (const { status, startTime, closeTime, searchAttributes } of client.workflow.list({ query, pageSize: 1 })) {
    const running = status.name === 'RUNNING';
    const outcome = searchAttributes.Outcome?.[0];
    return {
      kind,
      running,
      startedAt: startTime.toISOString(),
      endedAt: closeTime?.toISOString() ?? null,
      outcome: running ? null : String(outcome ?? status.name.toLowerCase()),
    };
  }
  return undefined;
}
