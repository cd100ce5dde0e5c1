import { fail } from '../errors.js';
import { formatTime } from '../view/duration.js';
import type { Cli, Flags } from '../client/cli.js';
import { findHolder } from '../client/holder.js';
import { checkKnown } from '../client/known.js';
import { runToEnd } from '../client/run-to-end.js';
import { withTemporal } from '../client/with-temporal.js';

export interface WatchRequest extends Flags {
  environment: string;
}

/** Follows the run that holds an environment; of one that ended, shows how. */
export async function watch(cli: Cli, request: WatchRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment } = request;
    const holder = await findHolder(temporal, environment);
    if (!holder) {
      await checkKnown(temporal, environment);
      throw fail('Unreachable', `nothing ran in ${environment} yet: slipway deploy ${environment} VERSION`);
    }
    const { closeTime } = holder.description;
    if (closeTime)
      cli.say(`nothing runs in ${environment} now; the last run ended ${formatTime(closeTime.toISOString())}:`);
    return runToEnd(cli, temporal, { environment, runId: holder.runId }, 'watch', request);
  });
}
