import { exits } from '../exit-codes.js';
import { workflowQueue, type Temporal } from '../lib/connection.js';
import { renderEnvironment, renderEnvironments } from '../view/environment.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { readEnvironment } from '../client/environment-state.js';
import { checkKnown, listKnown } from '../client/known.js';
import { withTemporal } from '../client/with-temporal.js';

export interface StatusRequest extends Flags {
  environment?: string;
}

/** Where an environment stands, or all of them: version, state, what waits for whom. */
export async function status(cli: Cli, request: StatusRequest): Promise<number> {
  return withTemporal(cli, request, (temporal) =>
    request.environment
      ? showOne(cli, temporal, request.environment, request.json)
      : showAll(cli, temporal, request.json),
  );
}

async function showOne(cli: Cli, temporal: Temporal, environment: string, json = false): Promise<number> {
  const [, state] = await Promise.all([checkKnown(temporal, environment), readEnvironment(temporal, environment)]);
  if (json) outJson(cli, state);
  else renderEnvironment(state, cli.outStyle, Date.now()).forEach((line) => cli.out(line));
  return exits.asked;
}

async function showAll(cli: Cli, temporal: Temporal, json = false): Promise<number> {
  const known = await listKnown(temporal);
  if (!known)
    cli.say(
      `slipway: no worker answers on the task queue ${workflowQueue}: start \`slipway worker\`; these are the environments that Temporal remembers`,
    );
  for (const error of known?.errors ?? []) cli.say(`slipway: not loaded: ${error}`);
  const names = known?.environments ?? (await remembered(temporal));
  const states = await Promise.all(names.map((name) => readEnvironment(temporal, name)));
  if (json) outJson(cli, states);
  else if (states.length > 0) renderEnvironments(states).forEach((line) => cli.out(line));
  else cli.say('no environment is known: the worker finds them in the folder given with --systems');
  return known ? exits.asked : exits.failed;
}

/** Without a worker nobody can read `systems/`; what ran lately is in Temporal's own list. */
async function remembered({ client }: Temporal): Promise<string[]> {
  const names = new Set<string>();
  const query = "WorkflowType IN ('deploy', 'rollback', 'adopt', 'recover')";
  for await (const { workflowId } of client.workflow.list({ query, pageSize: 200 })) {
    names.add(workflowId);
    if (names.size >= 100) break;
  }
  return [...names].sort();
}
