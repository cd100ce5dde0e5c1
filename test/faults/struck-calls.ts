// Imported before what it strikes: some modules keep a function of node:fs as it was when they were loaded.
import { AsyncLocalStorage } from 'node:async_hooks';
import fs, { type PathLike } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import type { CommandRequest, StepContext } from '../../src/activities/context.js';

/** What comes at the call of that number. */
export interface Strike {
  call: number;
  /**
   * before: the worker is killed. within: it is killed in the middle of it; a file is half written then, and a command ended after `afterMs`. full: the
   * disk has no room any more; what is written from then on fails, and all else goes on.
   */
  how: 'before' | 'within' | 'full';
  afterMs?: number;
}

interface Life extends Strike {
  made: string[];
  over: AbortController;
  commands: Promise<unknown>[];
}
const lives = new AsyncLocalStorage<Life>();

export interface Struck {
  /** False where `act` had fewer calls. */
  came: boolean;
  /** The calls that were made; of a worker that was killed, the last one is the one that was struck. */
  made: string[];
  /** What `act` threw on a full disk. */
  error?: unknown;
}

/**
 * Does `act` in a worker, or on a disk, that is struck there. Once it is killed, no call is made any more, also none that only tidies up. A call is one
 * that changes a file, or a command of a context made by `mortal`.
 */
export async function strike(where: Strike, act: () => Promise<unknown>): Promise<Struck> {
  const life: Life = { ...where, made: [], over: new AbortController(), commands: [] };
  const failed = await lives.run(life, () =>
    Promise.resolve()
      .then(act)
      .then(
        () => undefined,
        (error: unknown) => ({ error }),
      ),
  );
  await Promise.allSettled(life.commands);
  const came = life.made.length > life.call;
  if (failed && !came) throw failed.error;
  return { came, made: life.made, ...(failed && life.how === 'full' ? failed : {}) };
}

/** The same context, whose commands die with the worker. */
export function mortal<T extends StepContext>(context: T): T {
  const lent = (run: StepContext['read']): StepContext['read'] => {
    return (request) => {
      const life = lives.getStore();
      if (!life) return run(request);
      const made = command(life, run, request);
      life.commands.push(made);
      return made;
    };
  };
  return { ...context, read: lent((request) => context.read(request)), look: lent((request) => context.look(request)) };
}

async function command(life: Life, run: StepContext['read'], request: CommandRequest) {
  const struck = isStruck(life, `command ${basename(request.argv[0] ?? '')} ${request.argv[2] ?? ''}`);
  const late = new AbortController();
  const timer = struck ? setTimeout(() => late.abort(), life.afterMs) : undefined;
  const signal = AbortSignal.any([life.over.signal, late.signal, ...(request.signal ? [request.signal] : [])]);
  try {
    // A worker that is dead sees no result.
    const result = await lives.exit(() => run({ ...request, signal: struck ? late.signal : signal }));
    refuseDead(life);
    return result;
  } finally {
    clearTimeout(timer);
  }
}

/** Notes a call. True where it is to be made halfway; throws where it is not to be made. */
function isStruck(life: Life, call: string): boolean {
  refuseDead(life);
  life.made.push(call);
  if (life.made.length <= life.call || life.how === 'full') return false;
  life.over.abort();
  if (life.how === 'within') return true;
  throw new Error('killed');
}

function refuseDead({ over }: Life): void {
  if (over.signal.aborted) throw new Error('killed');
}

type Call = (...args: never[]) => unknown;
/** What is left of a call that was cut short; the others happen in one moment, or as well not at all. */
const halves: Record<string, (args: unknown[]) => void> = {
  writeSync: ([file, bytes, offset]) => {
    const some = bytes as Uint8Array;
    real.writeSync(file as number, some, offset as number, Math.floor((some.length - (offset as number)) / 2));
  },
  writeFile: ([path, content]) => real.writeFileSync(path as string, (content as string).slice(0, (content as string).length / 2)), // prettier-ignore
  copyFile: ([from, to]) => {
    real.copyFileSync(from as PathLike, to as PathLike);
    real.truncateSync(to as PathLike, Math.floor(real.statSync(to as PathLike).size / 2));
  },
};
const real = { ...fs };

function watch(owner: object, name: string, waits: boolean): void {
  const all = owner as Record<string, Call>;
  const call = all[name] as Call;
  const around = (...args: never[]) => {
    const life = lives.getStore();
    if (life && !(name.startsWith('open') && reads(args))) {
      const half = isStruck(life, [name, ...args.slice(0, 2).filter((arg) => typeof arg === 'string')].join(' '));
      if (half) {
        halves[name]?.(args);
        throw new Error('killed');
      }
      if (life.how === 'full' && life.made.length > life.call) refuseWrite(name, args);
    }
    return call(...args);
  };
  all[name] = waits ? async (...args: never[]) => around(...args) : around;
}

/** As Node tells of it: what is written into a file that is open has no name. */
function refuseWrite(name: string, args: unknown[]): void {
  const [path, to] = args.map(String);
  const words: Record<string, string | undefined> = {
    writeSync: 'write',
    writeFile: args[1] === '' ? undefined : 'write',
    copyFile: `copyfile '${path}' -> '${to}'`,
    mkdir: fs.existsSync(path ?? '') ? undefined : `mkdir '${path}'`,
  };
  const told = words[name.replace(/^mkdirSync$/, 'mkdir')];
  if (told === undefined) return;
  const named = told === 'write' ? {} : { path, ...(name === 'copyFile' ? { dest: to } : {}) };
  const error = new Error(`ENOSPC: no space left on device, ${told}`);
  throw Object.assign(error, { code: 'ENOSPC', errno: -28, syscall: told.split(' ')[0], ...named });
}

const reads = ([_path, flags]: unknown[]) => flags === undefined || flags === 'r';

for (const name of ['rename', 'link', 'rm', 'rmdir', 'mkdir', 'writeFile', 'copyFile', 'chmod', 'chown', 'open'])
  watch(fs.promises, name, true);
for (const name of ['renameSync', 'rmSync', 'mkdirSync', 'openSync', 'writeSync']) watch(fs, name, false);
syncBuiltinESMExports();
