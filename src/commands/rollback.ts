import { fail } from '../errors.js';
import { exits } from '../exit-codes.js';
import type { Temporal } from '../lib/connection.js';
import { decide } from '../client/decide.js';
import { askStatus, findHolder } from '../client/holder.js';
import { checkKnown } from '../client/known.js';
import type { Cli, Flags } from '../client/cli.js';
import { runToEnd } from '../client/run-to-end.js';
import { tellDecision } from '../client/say-decision.js';
import { startRun, tryStart, type StartedRun } from '../client/start-run.js';
import { nameOf } from '../client/who.js';
import { withTemporal } from '../client/with-temporal.js';

export interface RollbackRequest extends Flags {
  environment: string;
  version?: string;
  by?: string;
  reason?: string;
  detach?: boolean;
}

/** Takes the running deploy back, else starts the rollback to an earlier release. */
export async function rollback(cli: Cli, request: RollbackRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment, version, reason } = request;
    await checkKnown(temporal, environment);
    const input = { version, by: nameOf(request.by, cli.env), reason };
    const deploying = (await runningDeploy(temporal, environment)) ?? (await startOrFind(temporal, environment, input));
    if ('started' in deploying) return runToEnd(cli, temporal, deploying.started, 'rollback', request);

    await refuseOtherVersion(temporal, deploying, version);
    const decided = await decide(temporal, deploying, 'rollback', { by: input.by, reason });
    const code = tellDecision(cli, environment, decided);
    return code === exits.asked ? runToEnd(cli, temporal, deploying, 'rollback', request) : code;
  });
}

async function runningDeploy(temporal: Temporal, environment: string): Promise<StartedRun | undefined> {
  const holder = await findHolder(temporal, environment);
  return holder?.running && holder.kind === 'deploy' ? { environment, runId: holder.runId } : undefined;
}

/** A deploy may begin between our look and our start: then it is the one to take back. Any other holder is named. */
async function startOrFind(
  temporal: Temporal,
  environment: string,
  input: Record<string, string | undefined>,
): Promise<StartedRun | { started: StartedRun }> {
  const started = await tryStart(temporal, 'rollback', environment, input);
  if (started) return { started };
  return (
    (await runningDeploy(temporal, environment)) ?? {
      started: await startRun(temporal, 'rollback', environment, input),
    }
  );
}

/** A running deploy can only be taken back to what it found. */
async function refuseOtherVersion(temporal: Temporal, run: StartedRun, version?: string): Promise<void> {
  const status = version ? await askStatus(temporal, run.environment, run.runId) : undefined;
  if (!status || status.previous === version) return;
  const { environment } = run;
  throw fail(
    'Held',
    `${environment} is deploying ${status.version} over ${status.previous ?? 'nothing'}: first slipway rollback ${environment}, then slipway rollback ${environment} ${version}`,
  );
}
