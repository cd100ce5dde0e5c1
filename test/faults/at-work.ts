import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a worker is at, told by the host's records and by /proc. */
export interface AtWork {
  pid: number;
  /** Commands that began and have not ended: folders. */
  commands: string[];
  /** Processes that must die with the worker. */
  attached: number[];
  /** Processes of commands that must outlive it. */
  detached: number[];
}

/** The worker that is at an act of the newest run; undefined where none is. */
export function findAtWork(home: string): AtWork | undefined {
  const run = join(home, 'runs', list(join(home, 'runs')).sort().at(-1) ?? '');
  const acts = list(join(run, 'attempts')).flatMap((act) =>
    list(join(run, 'attempts', act)).map((name) => join(run, 'attempts', act, name)),
  );
  const marks = acts.filter((path) => path.endsWith('.json')).flatMap((path) => read(path) ?? []);
  const mark = marks.find(({ pid }) => existsSync(`/proc/${pid}`));
  if (!mark) return undefined;
  const commands = list(join(run, 'commands')).map((name) => join(run, 'commands', name));
  return {
    pid: mark.pid,
    commands: commands.filter((folder) => existsSync(join(folder, 'claim')) && !existsSync(join(folder, 'exit'))),
    ...childrenOf(mark.pid),
  };
}

function isGuard(command: string): boolean {
  return command.includes('read -r sign group');
}

/** Of that worker, but for the guard that ends them with it. */
export function childrenOf(worker: number): Pick<AtWork, 'attached' | 'detached'> {
  const found: Pick<AtWork, 'attached' | 'detached'> = { attached: [], detached: [] };
  const parents = processes();
  const collect = (parent: number, into: 'attached' | 'detached') => {
    for (const { pid, command } of parents.get(parent) ?? []) {
      if (isGuard(command)) continue;
      const kind = command.includes('slipway_folder=') ? 'detached' : into;
      found[kind].push(pid);
      collect(pid, kind);
    }
  };
  collect(worker, 'attached');
  return found;
}

/** By the pid of their parent. */
function processes(): Map<number, { pid: number; command: string }[]> {
  const found = new Map<number, { pid: number; command: string }[]>();
  for (const name of list('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z') continue;
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1');
      found.set(Number(parent), [...(found.get(Number(parent)) ?? []), { pid: Number(name), command }]);
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

interface Mark {
  pid: number;
}

/** One that ends while it is looked at is none. */
function read(path: string): Mark | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Mark;
  } catch {
    return undefined;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
