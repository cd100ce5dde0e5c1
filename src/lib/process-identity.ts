import { readdirSync, readFileSync } from 'node:fs';

/** Names one process for ever: a pid alone comes back, after a reboot or once the numbers run out. */
export interface ProcessIdentity {
  bootId: string;
  pid: number;
  /** Clock ticks after boot: field 22 of /proc/<pid>/stat. */
  startTime: string;
}

let boot: string | undefined;
let own: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  // After a fork of the whole program the pid would differ, so the cached one is compared.
  if (own?.pid !== process.pid)
    own = { bootId: bootId(), pid: process.pid, startTime: statOf(process.pid)?.startTime ?? '' };
  return own;
}

/** Whether just this process still runs. A zombie does not: it can do nothing any more. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  const stat = statOf(identity.pid);
  return stat !== undefined && stat.startTime === identity.startTime && !stat.dead;
}

/** Whether just this process was paused, by SIGSTOP or a debugger. */
export function isStopped(identity: ProcessIdentity): boolean {
  return isAlive(identity) && statOf(identity.pid)?.stopped === true;
}

/** Processes, zombies left out, that this one started, and that are not yet another program than itself. */
export function unbornOf(parent: number): number[] {
  const own = commandLine(parent);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => statOf(pid)?.parent === parent && commandLine(pid) === own);
}

/** Processes, zombies left out, that one of these started, or one that they started, as far as each one's parent still runs. */
export function descendantsOf(ancestors: number[]): (ProcessIdentity & { program: string })[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const all = pids.map((name) => ({ pid: Number(name), stat: statOf(Number(name)) }));
  const family = new Set(ancestors);
  // A pid may be smaller than its parent's, once the numbers have run out.
  for (let known = 0; known < family.size;) {
    known = family.size;
    for (const { pid, stat } of all) if (stat && family.has(stat.parent)) family.add(pid);
  }
  return all.flatMap(({ pid, stat }) =>
    stat && !stat.dead && family.has(stat.parent)
      ? [{ bootId: bootId(), pid, startTime: stat.startTime, program: stat.program }]
      : [],
  );
}

/** Processes, zombies left out, whose group or session is that one. */
export function membersOf(kind: 'group' | 'session', id: number): { pid: number; group: number }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), stat: statOf(Number(name)) }))
    .flatMap(({ pid, stat }) => (stat && !stat.dead && stat[kind] === id ? [{ pid, group: stat.group }] : []));
}

export function bootId(): string {
  return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

interface Stat {
  program: string;
  dead: boolean;
  stopped: boolean;
  parent: number;
  group: number;
  session: number;
  startTime: string;
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name, which may hold blanks and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state = 'X', parent, group, session] = fields;
    return {
      program: text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')),
      dead: 'ZXx'.includes(state),
      stopped: 'Tt'.includes(state),
      parent: Number(parent),
      group: Number(group),
      session: Number(session),
      startTime: fields[19] ?? '',
    };
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
