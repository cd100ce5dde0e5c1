import type { Change } from '../model.js';
import type { Cli, Flags } from '../client/cli.js';
import { checkKnown } from '../client/known.js';
import { runToEnd } from '../client/run-to-end.js';
import { startRun } from '../client/start-run.js';
import { nameOf } from '../client/who.js';
import { withTemporal } from '../client/with-temporal.js';

export interface DeployRequest extends Flags {
  environment: string;
  version: string;
  change?: Change;
  by?: string;
  reason?: string;
  detach?: boolean;
}

/** Starts a release and follows it to its end. */
export async function deploy(cli: Cli, request: DeployRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment, version, change, reason } = request;
    await checkKnown(temporal, environment);
    const run = await startRun(temporal, 'deploy', environment, {
      version,
      change,
      by: nameOf(request.by, cli.env),
      reason,
    });
    return runToEnd(cli, temporal, run, 'deploy', request);
  });
}
