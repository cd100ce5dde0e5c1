import type { Beside } from '../model.js';
import type { Cli, Flags } from '../client/cli.js';
import { checkKnown } from '../client/known.js';
import { runToEnd } from '../client/run-to-end.js';
import { startRun } from '../client/start-run.js';
import { nameOf } from '../client/who.js';
import { withTemporal } from '../client/with-temporal.js';

export interface BesideRequest extends Flags {
  environment: string;
  by?: string;
  reason?: string;
  detach?: boolean;
}

/** Takes a proven backup now, beside whatever else runs. */
export const backup = (cli: Cli, request: BesideRequest) => runBeside(cli, 'backup', request);

/** Restores the latest backup into scratch, and looks at it. */
export const rehearse = (cli: Cli, request: BesideRequest) => runBeside(cli, 'rehearse', request);

async function runBeside(cli: Cli, kind: Beside, request: BesideRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment, reason } = request;
    await checkKnown(temporal, environment);
    const run = await startRun(temporal, kind, environment, { by: nameOf(request.by, cli.env), reason });
    return runToEnd(cli, temporal, run, kind, request);
  });
}
