import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { killMarked, killProcess } from './attached-mark.js';
import { makeFolder } from './files.js';
import { isAlive, isStopped, ownIdentity, type ProcessIdentity } from './process-identity.js';

/** How long a worker that was given up by others may take to see it itself. */
const graceMs = 2_000;
const killMs = 10_000;
const settleMs = 1_000;

interface Attempt {
  number: number;
  ended: boolean;
  by: ProcessIdentity;
}
const here = new Map<string, Promise<unknown>>();

/**
 * Runs `work` as that attempt of the act which `folder` belongs to, with no other one beside it: an earlier attempt's process, paused or cut off from
 * the server, is killed, and what it ran attached is gone before `work` begins. Once a later attempt began, an earlier one never does.
 * Throws WorkerLeft (retryable) where it is the earlier one, or cannot end it.
 */
export async function asOnlyAttempt<T>(folder: string, number: number, work: () => Promise<T>): Promise<T> {
  await makeFolder(folder);
  const path = join(folder, `${number}.json`);
  // First its own mark, then the look at the others': of two attempts at least one sees the other, wherever each was paused.
  // Not flushed: after a power cut no process of before runs.
  writeFileSync(`${path}.new`, JSON.stringify(ownIdentity()), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  const doing = only(folder, number).then(work);
  here.set(path, doing);
  try {
    return await doing;
  } finally {
    here.delete(path);
    renameSync(path, join(folder, `${number}.ended`));
  }
}

async function only(folder: string, number: number): Promise<void> {
  const others = attemptsIn(folder);
  if (others.some((other) => other.number > number)) throw left(`attempt ${number} was given up: a later one began`);
  for (const other of others) if (other.number < number && !other.ended) await end(folder, other);
}

async function end(folder: string, { number, by }: Attempt): Promise<void> {
  const inThisProcess = here.get(join(folder, `${number}.json`));
  if (inThisProcess) return void (await inThisProcess.catch(() => undefined));
  const ended = () => !isAlive(by) || attemptsIn(folder).some((other) => other.number === number && other.ended);
  await holds(ended, () => (isStopped(by) ? 0 : graceMs));
  if (!ended()) killProcess(by);
  if (!(await holds(ended, () => killMs)))
    throw left(`the worker of attempt ${number} (pid ${by.pid}) cannot be ended`);
  const began = Date.now();
  const swept = () => {
    const { marked, unclear } = killMarked(by);
    // Some program may have neither arguments nor an environment for ever.
    return marked === 0 && (unclear === 0 || Date.now() - began > settleMs);
  };
  // It may have left this act alone, and be at others.
  if (isAlive(by)) return;
  // Twice: of what was begun during the first look only the second one can tell.
  for (let look = 1; look <= 2; look += 1, await wait(10))
    if (!(await holds(swept, () => killMs))) throw left(`what the worker of attempt ${number} ran cannot be ended`);
}

async function holds(what: () => boolean, withinMs: () => number): Promise<boolean> {
  for (const beganAt = Date.now(); !what(); await wait(10)) if (Date.now() - beganAt >= withinMs()) return false;
  return true;
}

function attemptsIn(folder: string): Attempt[] {
  return readdirSync(folder).flatMap((name) => {
    const [, number, state] = /^(\d+)\.(json|ended)$/.exec(name) ?? [];
    const mark = number === undefined ? undefined : read(folder, number);
    return mark ? [{ number: Number(number), ended: state === 'ended', by: mark }] : [];
  });
}

/** It may end while it is looked at. */
function read(folder: string, number: string): ProcessIdentity | undefined {
  for (const name of [`${number}.json`, `${number}.ended`]) {
    try {
      return JSON.parse(readFileSync(join(folder, name), 'utf8')) as ProcessIdentity;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

function left(why: string): ApplicationFailure {
  return ApplicationFailure.retryable(why, 'WorkerLeft');
}
