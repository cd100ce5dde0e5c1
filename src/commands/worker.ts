import { hostname } from 'node:os';
import { exits } from '../exit-codes.js';
import { connectionSettings, unreachable } from '../lib/connection.js';
import { stateRoot } from '../lib/state-root.js';
import { startWorker } from '../worker.js';
import type { Cli, Flags } from '../client/cli.js';
import { systemsFolder } from '../client/systems-folder.js';

export interface WorkerRequest extends Flags {
  host?: string;
  systems?: string;
  workflows: boolean;
  environment?: string[];
}

/** Serves the environments of this host, and workflow tasks unless told otherwise, until it is stopped. */
export async function worker(cli: Cli, request: WorkerRequest): Promise<number> {
  const { address, namespace, options } = connectionSettings(request, cli.env);
  const stopped = cli.interrupted();
  const host = request.host ?? hostname();
  const running = await startWorker({
    connection: options,
    namespace,
    host,
    systems: systemsFolder(request.systems, cli.env),
    stateRoot: stateRoot(cli.env),
    workflows: request.workflows,
    ...(request.environment ? { environments: request.environment } : {}),
  }).catch((error: unknown) => {
    throw isTransport(error) ? unreachable(address, error) : error;
  });
  const served = running.environments.join(', ') || `no environment (none has host: ${host}; say --host NAME)`;
  cli.say(
    `${cli.sayStyle.mark('running')} worker on ${host} at ${address}: serves ${served}${request.workflows ? ', and workflows' : ''}; Ctrl-C ends it`,
  );
  const runs = running.run();
  if (stopped.aborted) running.shutdown();
  else stopped.addEventListener('abort', () => running.shutdown(), { once: true });
  await runs;
  return exits.asked;
}

function isTransport(error: unknown): boolean {
  return error instanceof Error && error.name === 'TransportError';
}
