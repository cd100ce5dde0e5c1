const AT_ONCE = 4;
const PATIENCE_MS = 100;

interface Server {
  begun: number;
  waiting: (() => void)[];
}
const servers = new Map<string, Server>();

/**
 * Waits until one more request may begin at that server, and returns what ends its turn: its answer does, or 100 ms without one. Python's servers take six
 * connections that nobody serves yet; the kernel tries one that has no room again after a whole second, which is downtime.
 */
export async function turnAt(origin: string): Promise<() => void> {
  const server = servers.get(origin) ?? { begun: 0, waiting: [] };
  servers.set(origin, server);
  if (server.begun < AT_ONCE) server.begun += 1;
  else await new Promise<void>((begin) => server.waiting.push(begin));
  let over = false;
  const end = (): void => {
    clearTimeout(timer);
    if (over) return;
    over = true;
    const next = server.waiting.shift();
    if (next) return next();
    server.begun -= 1;
    if (server.begun === 0) servers.delete(origin);
  };
  const timer = setTimeout(end, PATIENCE_MS);
  return end;
}
