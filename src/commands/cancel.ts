import { randomUUID } from 'node:crypto';
import { fail } from '../errors.js';
import { exits } from '../exit-codes.js';
import { ownIdentity } from '../lib/connection.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { findHolder } from '../client/holder.js';
import { checkKnown } from '../client/known.js';
import { withTemporal } from '../client/with-temporal.js';

export interface CancelRequest extends Flags {
  environment: string;
  reason?: string;
}

/** Asks a run to undo what it did, verify, and end. */
export async function cancel(cli: Cli, request: CancelRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment, reason } = request;
    const holder = await findHolder(temporal, environment);
    if (!holder?.running) {
      await checkKnown(temporal, environment);
      throw fail(
        'Unreachable',
        `nothing runs in ${environment}, so there is nothing to cancel: see slipway status ${environment}`,
      );
    }
    await temporal.client.workflowService.requestCancelWorkflowExecution({
      namespace: temporal.namespace,
      workflowExecution: { workflowId: environment, runId: holder.runId },
      identity: ownIdentity(),
      requestId: randomUUID(),
      reason: reason ?? '',
    });
    if (request.json) outJson(cli, { environment, runId: holder.runId });
    cli.say(
      `${cli.sayStyle.mark('undone')} asked ${holder.kind} in ${environment} to undo and verify; follow it with: slipway watch ${environment}`,
    );
    return exits.asked;
  });
}
