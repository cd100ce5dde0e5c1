import { hostname, userInfo } from 'node:os';
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { dataConverter } from '../codec/data-converter.js';
import { fail } from '../errors.js';
import { endOnClosedChannel } from './closed-channel.js';

export interface ConnectionFlags {
  address?: string;
  namespace?: string;
}
export interface Temporal {
  client: Client;
  namespace: string;
  address: string;
}
type Variables = Record<string, string | undefined>;

/** The task queue of all workflows; an environment's activities have the environment's own. */
export const workflowQueue = 'slipway';

/**
 * Connects to Temporal within 3 s: flags, then TEMPORAL_* variables, then Temporal's own configuration file, then 127.0.0.1:7233.
 * The caller closes `client.connection`. Throws Unreachable.
 */
export async function connect(flags: ConnectionFlags, variables: Variables = process.env): Promise<Temporal> {
  const { namespace, address, options } = connectionSettings(flags, variables);
  try {
    const interceptors = [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), endOnClosedChannel];
    const connection = await Connection.connect({ ...options, interceptors, connectTimeout: 3000 });
    return {
      client: new Client({ connection, namespace, dataConverter, identity: ownIdentity() }),
      namespace,
      address,
    };
  } catch (error) {
    throw unreachable(address, error);
  }
}

/** Where Temporal is and how to get in; `options` fit `Connection` and `NativeConnection` alike. */
export function connectionSettings({ address, namespace }: ConnectionFlags, variables: Variables = process.env) {
  const set = Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const loaded = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(set) });
  const used = address ?? loaded.connectionOptions.address ?? '127.0.0.1:7233';
  return {
    namespace: namespace ?? loaded.namespace ?? 'default',
    address: used,
    options: { ...loaded.connectionOptions, address: used },
  };
}

/** Who says something, where nobody gave a name: recorded as claimed. */
export function ownIdentity(): string {
  return `${userInfo().username}@${hostname()}`;
}

/** One line for a server that did not let us in. */
export function unreachable(address: string, error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  const denied = /unauthenticated|permission.?denied|certificate|api.?key/i.exec(text);
  const why = denied
    ? `the Temporal server at ${address} does not let us in: ${text.split('\n')[0]}`
    : `no Temporal server at ${address}: start one with \`slipway dev\`, or name yours with --address / TEMPORAL_ADDRESS`;
  return fail('Unreachable', why);
}
