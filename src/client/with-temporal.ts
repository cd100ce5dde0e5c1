import { fail, rootMessage } from '../errors.js';
import { connect, type Temporal } from '../lib/connection.js';
import type { Cli, Flags } from './cli.js';
import { isNotFound } from './rpc.js';

/** Works with a connection, and closes it. */
export async function withTemporal<T>(cli: Cli, flags: Flags, work: (temporal: Temporal) => Promise<T>): Promise<T> {
  const temporal = await connect(flags, cli.env);
  try {
    return await work(temporal);
  } catch (error) {
    throw noNamespace(temporal, error) ?? error;
  } finally {
    await temporal.client.connection.close();
  }
}

function noNamespace({ namespace, address }: Temporal, error: unknown): Error | undefined {
  const text = rootMessage(error);
  if (!/namespace/i.test(text) || !(isNotFound(error) || /not found/i.test(text))) return undefined;
  return fail(
    'Unreachable',
    `there is no namespace ${namespace} at ${address}: name one with --namespace / TEMPORAL_NAMESPACE`,
  );
}
