import { join } from 'node:path';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { fail } from '../errors.js';
import { connect } from '../lib/connection.js';
import { startTemporal } from '../lib/dev-servers.js';
import { freePort } from '../lib/server-process.js';
import { stateRoot } from '../lib/state-root.js';
import type { Cli, Flags } from '../client/cli.js';
import { worker } from './worker.js';

export interface DevRequest extends Flags {
  data?: string;
  port?: string;
  uiPort?: string;
  host?: string;
  systems?: string;
}

/** A Temporal server with its UI and a worker, until Ctrl-C. What runs then goes on with the next start. */
export async function dev(cli: Cli, request: DevRequest): Promise<number> {
  const stopped = cli.interrupted();
  const folder = request.data ?? join(stateRoot(cli.env), '.dev-server');
  const port = Number(request.port ?? 7233);
  if (await listens(port))
    throw fail(
      'Unreachable',
      `port ${port} is taken, perhaps by a \`slipway dev\` that runs already: end it, or choose --port and --data`,
    );
  const uiPort = Number(request.uiPort ?? ((await listens(8233)) ? await freePort() : 8233));
  const server = await startTemporal({ folder, port, uiPort });
  try {
    await keepHistories(server.address);
    cli.say(
      `${cli.sayStyle.mark('done')} Temporal at ${server.address}, its UI at ${server.uiUrl}, its data in ${folder}`,
    );
    if (port !== 7233) cli.say(`  in other terminals: export TEMPORAL_ADDRESS=${server.address}`);
    cli.say(`  in other terminals: export SLIPWAY_UI=${server.uiUrl}`);
    cli.say('  then: slipway status, slipway plan ENVIRONMENT VERSION, slipway deploy ENVIRONMENT VERSION');
    if (stopped.aborted) return 0;
    const { systems, host = 'localhost' } = request;
    return await worker(cli, {
      address: server.address,
      namespace: 'default',
      host,
      workflows: true,
      ...(systems ? { systems } : {}),
    });
  } finally {
    await server.stop();
  }
}

/** The dev server forgets what ended after a day; releases are looked at for longer. */
async function keepHistories(address: string): Promise<void> {
  const { client } = await connect({ address, namespace: 'default' });
  const ninetyDays = { seconds: 90 * 24 * 3600 };
  await client.workflowService.updateNamespace({
    namespace: 'default',
    config: { workflowExecutionRetentionTtl: ninetyDays },
  } as never);
  await client.connection.close();
}

async function listens(port: number): Promise<boolean> {
  const socket = connectSocket({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
