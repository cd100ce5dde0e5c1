import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import type { Container } from '../../runtime/docker-state.js';
import { runningContainer } from '../../runtime/inside.js';
import { readAddress, type Address } from './address.js';

/** What finding a service's server takes of a step's context; a check's has it, too. */
export type Reaching = Pick<StepContext, 'definition' | 'env' | 'look'>;

/** A server inside a service: the port that it listens on there. */
export interface Inside {
  service: string;
  port: number;
}

/**
 * The address as this host reaches it. A name of the compose network means nothing here: the server is found by its container, at a port
 * that it publishes, else at the container's own address. Throws Unreachable where the service does not run.
 */
export async function reach(
  context: Reaching,
  service: string,
  address: Address,
): Promise<{ address: Address; inside: Inside }> {
  const asking = {
    definition: context.definition,
    read: (request: Parameters<Reaching['look']>[0]) => context.look(request),
  };
  const container = await runningContainer(asking, service);
  if (!container)
    throw fail(
      'Unreachable',
      `service ${service}, which ${address.shown} is in, does not run: start it, then try again`,
    );
  const port = insidePort(container, address);
  const [host, outside] = outsideOf(container, port);
  return { address: { ...address, host, port: outside }, inside: { service, port } };
}

/** An address of the application's, as this host reaches it: mapped where a declared database at the same place is `in` a service. */
export async function reachable(context: Reaching, url: string): Promise<Address> {
  const address = readAddress(url);
  const declared = Object.values(context.definition.databases).flatMap((database) =>
    'postgres' in database && database.postgres.in ? [database.postgres] : [],
  );
  const home = declared.find((one) => {
    const { host, port } = readAddress(context.env.value(one.url));
    return host === address.host && port === address.port;
  });
  return home?.in ? (await reach(context, home.in, address)).address : address;
}

/** As `reachable`, in the URL as its owner wrote it. */
export async function reachableUrl(context: Reaching, url: string): Promise<string> {
  const written = readAddress(url);
  const { host, port } = await reachable(context, url);
  if (host === written.host && port === written.port) return url;
  return url
    .replace(/([?&])(?:host|port)=[^&#]*/g, '$1')
    .replace(/^([^:]+:\/\/(?:[^/?#]*@)?)[^/?#]*/, (_, before: string) => `${before}${host}:${port}`);
}

/** Whether it was written for this host, and not for a network of containers. */
export function isOfHost({ host }: Address): boolean {
  return ['localhost', '127.0.0.1', '::1'].includes(host) || host.startsWith('/');
}

/** A URL that was written for this host names a published port; one for the network, the server's own. */
function insidePort({ published }: Container, address: Address): number {
  return (isOfHost(address) && published.find(({ port }) => port === address.port)?.inside) || address.port;
}

function outsideOf({ published, addresses }: Container, port: number): [host: string, port: number] {
  const ports = published.filter(({ inside }) => inside === port);
  const found = ports.find(({ host }) => !host.includes(':')) ?? ports[0];
  return found ? [found.host, found.port] : [addresses[0] ?? '127.0.0.1', port];
}
