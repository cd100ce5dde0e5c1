import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { fail } from '../errors.js';
import { sealLog } from './command-output.js';
import type { CommandResult, CommandSpec, DetachedOptions } from './command.js';
import { isClaimed, readExit, readProcess } from './detached-record.js';
import type { DetachedExit } from './detached-record.js';
import { FileTail } from './file-tail.js';
import { writeAtomic } from './files.js';
import { isAlive } from './process-identity.js';
import { killAll } from './process-kill.js';

/** How long a claim may stand without a process: the wrapper writes it within milliseconds. */
const birthMs = 2_000;
const termGraceMs = 5_000;

/** The wrapper that this call started; it may turn out that another call's was faster. */
export interface Wrapper {
  pid: number | undefined;
  ended(): boolean;
  /** Resolves then. */
  end: Promise<unknown>;
}

/** Waits for the command of that folder, whoever started it. See `runDetached`. */
export async function awaitDetached(
  folder: string,
  spec: CommandSpec,
  { signal, detach, onLine }: DetachedOptions,
  wrapper: Wrapper | undefined,
): Promise<CommandResult> {
  const lines = onLine && new FileTail(join(folder, 'output.raw'), spec.redactor, onLine);
  let unbornSince = Date.now();
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 100)) {
    const process = readProcess(folder);
    // Looked at before the exit code, which is written before the process ends: so a dead one has none.
    const alive = process ? isAlive(process) : wrapper && !wrapper.ended();
    const exit = readExit(folder);
    lines?.read();
    if (exit) return finish(folder, spec, exit, process?.pid !== wrapper?.pid);
    if (process && !alive) throw outcomeUnknown(folder, spec, 'its process is gone and left no exit code');
    if (detach?.aborted) throw workerLeft(spec);
    if (process && signal?.aborted) return cancel(folder, spec, process.pid, process.pid !== wrapper?.pid);
    if (process || alive) unbornSince = Date.now();
    else if (wrapper && !isClaimed(folder))
      throw fail('CommandFailed', `${named(spec)} could not be started: ${folder} cannot be written`);
    else if (Date.now() - unbornSince > birthMs)
      throw outcomeUnknown(folder, spec, 'it was claimed, but no process was recorded');
    // Only as long as it runs: one that found another's claim has ended long before the command.
    await (wrapper && !wrapper.ended() ? Promise.race([wait(pauseMs), wrapper.end]) : wait(pauseMs));
  }
}

export function workerLeft(spec: CommandSpec): ApplicationFailure {
  return ApplicationFailure.retryable(
    `the worker was stopped; ${named(spec)} goes on, and its successor waits for it`,
    'WorkerLeft',
  );
}

async function cancel(folder: string, spec: CommandSpec, session: number, adopted: boolean): Promise<CommandResult> {
  await killAll('session', session, termGraceMs);
  // It may have come to its own end just before.
  if (!readExit(folder)) await writeAtomic(join(folder, 'exit'), 'cancelled\n');
  const exit = readExit(folder) ?? { code: null, tookMs: 0 };
  return finish(folder, spec, exit, adopted);
}

async function finish(folder: string, spec: CommandSpec, exit: DetachedExit, adopted: boolean): Promise<CommandResult> {
  const { tail, ...log } = await sealLog(join(folder, 'output.raw'), join(folder, 'output.log'), spec.redactor);
  // 124 and 137 are the deadline's, but a command may end with them of its own accord.
  const timedOut = (exit.code === 124 || exit.code === 137) && exit.tookMs >= spec.deadlineMs;
  return {
    argv: spec.argv.map((part) => spec.redactor.redact(part)),
    cwd: spec.cwd,
    exitCode: timedOut ? null : exit.code,
    signal: null,
    timedOut,
    cancelled: exit.code === null,
    tookMs: exit.tookMs,
    tail,
    log,
    adopted,
  };
}

function outcomeUnknown(folder: string, spec: CommandSpec, why: string): ApplicationFailure {
  return fail(
    'OutcomeUnknown',
    `nobody can tell whether ${named(spec)} took effect: ${why}; read ${join(folder, 'output.raw')}, look at the system, then answer`,
    { folder },
  );
}

function named({ argv, redactor }: CommandSpec): string {
  return `\`${redactor.redact(argv.join(' '))}\``;
}
