import { fail } from '../errors.js';
import { exits } from '../exit-codes.js';
import type { Change, Plan } from '../model.js';
import { renderPlan } from '../view/plan.js';
import { askHost } from '../client/ask-host.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { startCommands } from '../client/start-commands.js';
import { withTemporal } from '../client/with-temporal.js';

export interface PlanRequest extends Flags {
  environment: string;
  version?: string;
  change?: Change;
  /** `true` goes back to the previous release. */
  rollback?: string | true;
}

/** Shows what a deploy or a rollback would do, with its exact commands. Changes nothing. */
export async function plan(cli: Cli, request: PlanRequest): Promise<number> {
  const { environment, change } = request;
  const kind = request.rollback === undefined ? 'deploy' : 'rollback';
  const version = request.version ?? (request.rollback === true ? undefined : request.rollback);
  if (kind === 'deploy' && !version)
    throw fail(
      'Usage',
      `name the version: slipway plan ${environment} VERSION, or slipway plan ${environment} --rollback`,
    );
  return withTemporal(cli, request, async (temporal) => {
    const input = { ...(version ? { version } : {}), ...(change && kind === 'deploy' ? { change } : {}) };
    const made = await askHost<Plan>(cli, temporal, 'plan', environment, [{ kind, input }]);
    const starts = startCommands({ kind, environment, ...input });
    if (request.json) outJson(cli, { ...made, start: starts });
    else renderPlan(made, starts, cli.outStyle).forEach((line) => cli.out(line));
    return exits.asked;
  });
}
