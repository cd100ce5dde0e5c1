import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../../errors.js';
import type { Definition, StepResult } from '../../model.js';
import type { StepContext } from '../context.js';
import { guardValues } from './guard.js';
import { awaitEnded, noteListeners } from './listeners-ended.js';
import { listenersOn, nameListeners, openPorts, toSee, type Listener } from './listeners.js';
import { ownAmong } from './own-processes.js';
import { requestFor, settingsOf } from './settings.js';
import { readBaseline, sinceOf, startedIn, writeBaseline, type Baseline } from './start-baseline.js';
import { awaitStatus } from './status.js';
import { whoHolds } from './wait-for-ports.js';
import { watchProcesses } from './watch-processes.js';

/** Two looks that far apart must see the same listeners: a parent that forks crashing ones does not pass. */
const secondLookMs = 300;
const pauseMs = 20;

/** @see Runtime.start. Proves only the ports that `start` opens: a public one may be closed until `open`. */
export async function startProcesses(context: StepContext): Promise<StepResult> {
  const { start, observeMs } = settingsOf(context.definition);
  const request = requestFor(context, start);
  // A baseline that is there already: the worker was lost, and the command may have run, so that its ports are rightly taken.
  const baseline = (await readBaseline(context)) ?? (await takeBaseline(context));
  const { tail } = await context.change('start', {
    ...request,
    env: { ...request.env, ...guardValues(context) },
  });
  const listeners = await awaitYoung(context, sinceOf(baseline), tail);
  if (observeMs !== undefined) {
    context.progress(`all listen; watching for ${observeMs / 1000} s`);
    await watchProcesses(listeners, observeMs, lastLinesOf(tail));
  }
  await awaitStatus(context, 'runs');
  const steady = observeMs === undefined ? '' : `, steady for ${observeMs / 1000} s`;
  return { note: `${nameListeners(listeners)}${steady}`, data: { listeners } };
}

async function takeBaseline(context: StepContext): Promise<Baseline> {
  const { stop, ports } = settingsOf(context.definition);
  // What an earlier try of this step left half-started is in the way of this one; one that started nothing left nothing.
  if (startedIn(context) && (await openPorts(ports)).length > 0) {
    const listening = await noteListeners(context);
    await context.change('stop-before-retry', requestFor(context, stop));
    await awaitEnded(context, listening, ports);
  }
  const open = await openPorts(ports);
  if (open.length > 0) {
    throw fail(
      'NotStarted',
      `nothing was started, since the port is taken: ${await whoHolds(open)}: end that process, then retry`,
    );
  }
  return writeBaseline(context);
}

/** Every port is held by processes that began since, or that started such ones, the same at a second look. */
async function awaitYoung(context: StepContext, since: number, tail: string): Promise<Listener[]> {
  const { ports, timeoutMs, workers } = settingsOf(context.definition);
  const deadline = Date.now() + timeoutMs;
  for (let changing = false; ;) {
    const listeners = await listenersOn(ports);
    const first = listeners.length > 0 ? await ownAmong(context, listeners) : [];
    refuseOld(first, since);
    if (hasAll(ports, listeners) && (workers === undefined || first.length > 0)) {
      await wait(secondLookMs);
      const again = await listenersOn(ports);
      const second = await ownAmong(context, again);
      if (hasAll(ports, again) && identity(first) === identity(second)) return refuseHidden(second);
      changing = true;
    }
    if (Date.now() > deadline) throw notStarted(context.definition, listeners, changing, tail);
    await wait(pauseMs);
  }
}

/** One that was there before may listen only now: who can't be seen isn't taken for new. */
function refuseHidden(listeners: Listener[]): Listener[] {
  const hidden = listeners.filter(({ pid }) => pid === undefined);
  if (hidden.length === 0) return listeners;
  throw fail(
    'NotStarted',
    `${nameListeners(hidden)}, so nobody can tell whether it began with this start: ${toSee}; then retry`,
  );
}

/** The ports were closed before: an older process that holds one now is no part of this start, whatever it answers. */
function refuseOld(listeners: Listener[], since: number): void {
  const old = listeners.filter((listener) => isOlder(listener, since));
  if (old.length === 0) return;
  throw fail(
    'NotStarted',
    `${nameListeners(old)} began before this start, so an old process answers: end it, then retry`,
  );
}

function notStarted(definition: Definition, listeners: Listener[], changing: boolean, tail: string): Error {
  const { ports, timeoutMs, workers } = settingsOf(definition);
  const missing = ports.filter((port) => !listeners.some((listener) => listener.port === port));
  const seconds = Math.round(timeoutMs / 1000);
  const after = `${seconds} s after the start command ended`;
  const nothing =
    missing.length > 0
      ? `nothing listens on port ${missing.join(', ')} ${after}`
      : `${nameListeners(listeners)}, but ${workers?.join(' ')} names no process ${after}`;
  const what = changing ? `the processes on port ${ports.join(', ')} come and go for ${seconds} s` : nothing;
  return fail('NotStarted', `${what}; it printed: ${lastLinesOf(tail)}`, { tail: tail.slice(-2000) });
}

function lastLinesOf(tail: string): string {
  return tail.trim().split('\n').slice(-3).join(' / ').slice(-400) || 'nothing';
}

function hasAll(ports: number[], listeners: Listener[]): boolean {
  return ports.every((port) => listeners.some((listener) => listener.port === port));
}

function isOlder({ began }: Listener, since: number): boolean {
  return began !== undefined && began < since;
}

function identity(listeners: Listener[]): string {
  return listeners.map(({ port, pid, began, socket }) => `${port} ${pid ?? socket} ${began}`).join();
}
