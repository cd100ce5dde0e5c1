import type { Cli, Flags } from '../client/cli.js';
import { checkKnown } from '../client/known.js';
import { runToEnd } from '../client/run-to-end.js';
import { startRun } from '../client/start-run.js';
import { nameOf } from '../client/who.js';
import { withTemporal } from '../client/with-temporal.js';

export interface AdoptRequest extends Flags {
  environment: string;
  version?: string;
  by?: string;
  reason?: string;
  detach?: boolean;
}

/** Notes a system that runs already as the history's head; changes nothing. */
export async function adopt(cli: Cli, request: AdoptRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment, version, reason } = request;
    await checkKnown(temporal, environment);
    const run = await startRun(temporal, 'adopt', environment, { version, by: nameOf(request.by, cli.env), reason });
    return runToEnd(cli, temporal, run, 'adopt', request);
  });
}
