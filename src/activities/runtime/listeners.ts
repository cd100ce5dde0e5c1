import { readdir, readFile, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { bootId, type ProcessIdentity } from '../../lib/process-identity.js';

/** A process that listens on a TCP port of this host, or may be the one that does: which of its user's processes it is may be hidden. */
export interface Listener {
  port: number;
  /** Undefined where nothing tells whose socket it is: nobody knows how old that process is, or when it ends. */
  pid?: number;
  /** The socket's inode, where `pid` is undefined: another one is another process. */
  socket?: string;
  program: string;
  /** Ticks since boot at which the process began; undefined where `pid` is. */
  began?: number;
}

/** The process behind a listener, which can be told from any other for ever. */
export type ListeningProcess = ProcessIdentity & Pick<Listener, 'port' | 'program'>;

/** What to do about a listener whose process is hidden. */
export const toSee = 'run the worker as its user or as root, or give the application a user of its own';

/** `/proc/<pid>/stat` counts in USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const LISTENS = '0A';

/**
 * Every process that listens on one of `ports`, on any address; a forked server is one entry for each of its processes. Where another user's sockets
 * are hidden from us, all processes of that user stand for the one; root's are too many to tell anything.
 */
export async function listenersOn(ports: number[]): Promise<Listener[]> {
  const sockets = (await listeningSockets()).filter(({ port }) => ports.includes(port));
  if (sockets.length === 0) return [];
  const owners = await ownersOf(new Set(sockets.map(({ inode }) => inode)));
  const seen = new Map<string, Listener>();
  for (const { port, inode, user } of sockets) {
    const pids = owners.get(inode) ?? (isHidden(user) ? await processesOf(user) : []);
    for (const pid of pids) {
      const listener = await describeProcess(port, pid);
      if (listener) seen.set(`${port} ${pid}`, listener);
    }
    if (pids.length === 0)
      seen.set(`${port} ${inode}`, { port, program: 'a process that this user cannot see', socket: inode });
  }
  return [...seen.values()].sort((a, b) => a.port - b.port || (a.pid ?? 0) - (b.pid ?? 0));
}

/** The system's own processes among them, where they can be seen: systemd holds sockets for what it starts, and never ends. */
export function processesBehind(listeners: Listener[]): ListeningProcess[] {
  return listeners.flatMap(({ port, pid, program, began }) =>
    pid === undefined || program === 'systemd'
      ? []
      : [{ port, program, bootId: bootId(), pid, startTime: String(began) }],
  );
}

/** The ports that something answers on: it listens, or a connection to loopback is taken (a forwarded port has no listener). */
export async function openPorts(ports: number[]): Promise<number[]> {
  const listening = new Set((await listeningSockets()).map(({ port }) => port));
  const open = await Promise.all(ports.map(async (port) => listening.has(port) || (await answers(port))));
  return ports.filter((_, index) => open[index]);
}

/** Now, in the ticks of `Listener.began`. */
export async function ticksNow(): Promise<number> {
  const [seconds] = (await readFile('/proc/uptime', 'utf8')).split(' ');
  return Math.floor(Number(seconds) * TICKS_PER_SECOND);
}

/** `port 8100: node (pid 123)` */
export function nameListeners(listeners: Pick<Listener, 'port' | 'pid' | 'program'>[]): string {
  return listeners.map(({ port, pid, program }) => `port ${port}: ${program}${pid ? ` (pid ${pid})` : ''}`).join(', ');
}

async function listeningSockets(): Promise<{ port: number; inode: string; user: number }[]> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  return tables
    .flatMap((table) => table.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTENS)
    .map((fields) => ({
      port: parseInt(fields[1]?.split(':')[1] ?? '0', 16),
      inode: fields[9] ?? '',
      user: Number(fields[7]),
    }));
}

function isHidden(user: number): boolean {
  const own = process.geteuid?.() ?? 0;
  return own !== 0 && user !== own && user !== 0;
}

/** Of that user by any of its ids; none where /proc is mounted to hide them. */
async function processesOf(user: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const states = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')));
  const users = states.map((state) => /^Uid:\s+(.*)$/m.exec(state)?.[1]?.split(/\s+/) ?? []);
  return pids.filter((_, index) => users[index]?.includes(String(user))).map(Number);
}

async function ownersOf(inodes: Set<string>): Promise<Map<string, number[]>> {
  const owners = new Map<string, number[]>();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []); // gone, or another user's
    const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')));
    for (const inode of new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''))) {
      if (inodes.has(inode)) owners.set(inode, [...(owners.get(inode) ?? []), Number(pid)]);
    }
  }
  return owners;
}

/** Undefined for a process that ended meanwhile. */
export async function describeProcess(port: number, pid: number): Promise<Listener | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (!stat) return undefined;
  // The name stands in brackets and may itself hold brackets and spaces: fields are counted from the last one.
  const program = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { port, pid, program, began: Number(fields[19]) };
}

function answers(port: number): Promise<boolean> {
  return Promise.any(['127.0.0.1', '::1'].map((host) => connects(host, port))).then(
    () => true,
    () => false,
  );
}

function connects(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
