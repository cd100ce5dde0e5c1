import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../errors.js';

export interface User {
  name: string;
  uid: number;
  gid: number;
}

export interface Server {
  name: string;
  argv: string[];
  /** Gets both outputs. */
  log: string;
  /** The signal that ends it in order. */
  endWith: 'SIGTERM' | 'SIGINT';
  user?: User;
}

export interface ServerProcess {
  /** Calls `ask` until it does not throw. Throws NotStarted, with the log's end, when the server ends or the time is over. */
  ready(ask: () => Promise<void>, withinMs: number): Promise<void>;
  /** Waits for its end; NotStarted when that is a failure. */
  ended(): Promise<void>;
  /** Ends it and waits: in order for 10 s, then by force. Can be called twice. */
  stop: () => Promise<void>;
}

const running = new Set<ChildProcess>();

/** Starts a server that ends with this process, however this process ends. */
export function startServer(server: Server): ServerProcess {
  const log = openSync(server.log, 'a');
  const [program = '', ...args] = [...tether(server), ...server.argv];
  // A process group of its own: Ctrl-C in the terminal is for us, who end the server when we no longer need it.
  const identity = hasSetpriv() ? {} : { uid: server.user?.uid, gid: server.user?.gid };
  const child = spawn(program, args, { cwd: '/', stdio: ['ignore', log, log], detached: true, ...identity });
  closeSync(log);
  const closed = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  child.unref(); // a server that nobody waits for does not keep us from ending
  running.add(child);
  void closed.then(() => running.delete(child));
  endWithProcess();

  const stop = async (): Promise<void> => {
    child.ref();
    child.kill(server.endWith);
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await closed;
    clearTimeout(force);
  };
  const broken = async (what: string): Promise<Error> => {
    const lines = (await readFile(server.log, 'utf8')).trim().split('\n');
    const reason = lines.findLast((line) => /fatal|error/i.test(line)) ?? lines.at(-1);
    return fail('NotStarted', `${server.name} ${what}: ${reason} (log: ${server.log})`);
  };
  return {
    stop,
    async ready(ask, withinMs) {
      const deadline = Date.now() + withinMs;
      for (;;) {
        if (!running.has(child)) throw await broken('ended at once');
        try {
          return await ask();
        } catch {
          if (Date.now() < deadline) await sleep(50);
          else {
            await stop();
            throw await broken(`did not answer within ${withinMs} ms`);
          }
        }
      }
    },
    async ended() {
      child.ref();
      await closed;
      if (child.exitCode !== 0) throw await broken('failed');
    },
  };
}

/** A port that nothing listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whom a server runs as that refuses root; undefined when we are not root. */
export async function systemUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const [name, , uid, gid] =
    lines.find(([user]) => user === 'postgres') ?? lines.find(([user]) => user === 'nobody') ?? [];
  if (!name)
    throw fail('NoRights', 'PostgreSQL does not run as root, and there is no user `postgres` or `nobody`: add one');
  return { name, uid: Number(uid), gid: Number(gid) };
}

/** The kernel signals the server when its parent dies, even by SIGKILL. */
function tether({ endWith, user }: Server): string[] {
  if (!hasSetpriv()) return [];
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
  return ['setpriv', `--pdeathsig=${endWith.replace('SIG', '')}`, ...identity, '--'];
}

let setpriv: boolean | undefined;
function hasSetpriv(): boolean {
  try {
    setpriv ??= execFileSync('setpriv', ['--help'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).includes(
      '--pdeathsig',
    );
  } catch {
    setpriv = false;
  }
  return setpriv;
}

let hooked = false;
function endWithProcess(): void {
  if (hooked) return;
  hooked = true;
  const endAll = (): void => running.forEach((child) => child.kill('SIGINT'));
  process.on('exit', endAll);
  if (hasSetpriv()) return;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      endAll();
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  }
}
