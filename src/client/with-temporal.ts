import { connect, type Temporal } from '../lib/connection.js';
import type { Cli, Flags } from './cli.js';

/** Works with a connection, and closes it. */
export async function withTemporal<T>(cli: Cli, flags: Flags, work: (temporal: Temporal) => Promise<T>): Promise<T> {
  const temporal = await connect(flags, cli.env);
  try {
    return await work(temporal);
  } finally {
    await temporal.client.connection.close();
  }
}
