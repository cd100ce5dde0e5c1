import type { Definition } from '../../model.js';

/** Port of a URL on this host's loopback; undefined for any other host, whose listeners cannot be seen from here. */
export function loopbackPort(url: string | undefined): number | undefined {
  if (!url || !URL.canParse(url)) return undefined;
  const { hostname, port, protocol } = new URL(url);
  if (hostname !== 'localhost' && hostname !== '[::1]' && !/^127(\.\d+){3}$/.test(hostname)) return undefined;
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}

/** All that must be closed once the system is stopped: what `start` opens and, where it starts closed, what `open` opens. */
export function portsOfSystem(definition: Definition): number[] {
  const { processes, open } = definition.runtime;
  const addresses = open === 'at_start' ? [] : [loopbackPort(definition.url), loopbackPort(open.closed_url)];
  return [...new Set([...(processes?.ports ?? []), ...addresses.filter((port) => port !== undefined)])];
}
