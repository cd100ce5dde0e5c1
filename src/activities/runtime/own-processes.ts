import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../../errors.js';
import { descendantsOf, isAlive } from '../../lib/process-identity.js';
import type { StepContext } from '../context.js';
import { describeProcess, nameListeners, processesBehind, type Listener } from './listeners.js';
import { requestFor, settingsOf } from './settings.js';

const pauseMs = 100;

/**
 * The system's own processes: what listens, or, where a supervisor that lives on holds the ports for them, those that `workers` names. What listens
 * besides, and did not start any of these, is among them: it is no supervisor, whatever else it may be. None where the command names none.
 */
export async function ownAmong(context: StepContext, listeners: Listener[]): Promise<Listener[]> {
  const workers = await namedWorkers(context);
  if (workers === undefined) return listeners;
  if (workers.length === 0) return [];
  const named = new Set(workers.flatMap(({ pid }) => pid ?? []));
  const others = listeners.filter(({ pid }) => pid === undefined || (!named.has(pid) && !startedOneOf(pid, named)));
  return [...workers, ...others];
}

/** Returns once `workers` names no living process: a supervisor may start another one in the place of what ended. Throws NotStopped. */
export async function awaitNoWorkers(context: StepContext, deadline: number): Promise<void> {
  for (;;) {
    const left = (await namedWorkers(context)) ?? [];
    if (left.length === 0) return;
    if (Date.now() > deadline)
      throw fail('NotStopped', `the ports are closed, but ${said(context)} ${nameListeners(left)}: end it, then retry`);
    await wait(pauseMs);
  }
}

/** What is wrong with what `workers` names now, beside who listens; undefined where nothing is, or where there is no such command. */
export async function workersProblem(context: StepContext, listeners: Listener[]): Promise<string | undefined> {
  const workers = await namedWorkers(context);
  if (workers === undefined || listeners.length === 0) return undefined;
  const others = workers.length === 0 ? listeners : (await ownAmong(context, listeners)).slice(workers.length);
  return others.length === 0
    ? undefined
    : `${said(context)} ${nameListeners(workers) || 'no process'}, and ${nameListeners(others)} started none of them`;
}

/** undefined where the definition has no such command. Throws CommandFailed where it prints anything else than pids; 0 is none. */
async function namedWorkers(context: StepContext): Promise<Listener[] | undefined> {
  const { workers: argv, ports } = settingsOf(context.definition);
  if (argv === undefined) return undefined;
  const { stdout = '' } = await context.look(requestFor(context, argv));
  const words = stdout.split(/\s+/).filter(Boolean);
  const strange = words.find((word) => !/^\d{1,10}$/.test(word));
  if (strange !== undefined)
    throw fail('CommandFailed', `${argv.join(' ')} has to print pids alone, and printed ${JSON.stringify(strange)}`);
  const pids = words.map(Number).filter((pid) => pid > 0);
  const found = await Promise.all(pids.map((pid) => describeProcess(ports[0] ?? 0, pid)));
  return found.filter((one) => one !== undefined).filter((one) => processesBehind([one]).some(isAlive));
}

function startedOneOf(pid: number, named: Set<number>): boolean {
  return descendantsOf([pid]).some((one) => named.has(one.pid));
}

function said({ definition }: StepContext): string {
  return `${settingsOf(definition).workers?.join(' ')} names`;
}
