import { existsSync } from 'node:fs';
import { failureType, rootMessage } from '../../errors.js';
import { findProgram } from '../../lib/program.js';
import { quoted, shellLine } from '../../lib/shell-line.js';
import type { Argv, CheckResult, Definition, StepResult } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { wasStopped } from '../records.js';
import type { Runtime } from './contract.js';
import { guardOf } from './guard.js';
import { awaitEnded, notedAlive, noteListeners } from './listeners-ended.js';
import { listenersOn, nameListeners, openPorts, toSee, type Listener } from './listeners.js';
import { turn } from './open.js';
import { awaitNoWorkers, workersProblem } from './own-processes.js';
import { portsOfSystem } from './public-ports.js';
import { requestFor, settingsOf } from './settings.js';
import { startedIn } from './start-baseline.js';
import { startProcesses } from './start.js';
import { awaitStatus } from './status.js';
import { awaitClosed, whoHolds } from './wait-for-ports.js';

/** How long a port may stay open after a command that had nothing to stop. */
const strangerMs = 2_000;

/** Host processes that commands of the definition start and stop. What those commands say is a claim; ports, and the processes behind them, are the proof. */
export const processes: Runtime = {
  runs: async (context) => (await openPorts(portsOfSystem(context.definition))).length > 0,
  preflight: checkProcesses,
  stop,
  start: startProcesses,
  open: (context) => turnProcesses(context, 'open'),
  close: (context) => turnProcesses(context, 'close'),
  commands: (definition) => commandLines(definition, ''),
  resolved: async () => [],
  byHand: ({ definition }) => commandLines(definition, `cd ${quoted(definition.directory)} && `),
};

async function stop(context: StepContext): Promise<StepResult> {
  if (await nothingStarted(context)) return stopNothing(context);
  const { stop: argv, ports: own } = settingsOf(context.definition);
  const ports = portsOfSystem(context.definition);
  const ran = (await openPorts(ports)).length > 0;
  const hidden = (await listenersOn(own)).some(({ pid }) => pid === undefined);
  const listening = await noteListeners(context);
  let note = 'stopped';
  try {
    await context.change('stop', requestFor(context, argv));
  } catch (error) {
    // A stop command may complain that there is nothing to stop, or not be there before the first deploy.
    if (ran || !['CommandFailed', 'ToolMissing'].includes(failureType(error) ?? '')) throw error;
    note = `nothing listened before; ${rootMessage(error)}`;
  }
  await awaitEnded(context, listening, ports);
  await awaitStatus(context, 'stopped');
  const unproven = hidden ? '; that a process which this user cannot see has ended is not proven' : '';
  return { note: `${note}; closed: ${ports.join(', ')}${unproven}`, data: { ports, ended: listening } };
}

/**
 * The undo of a start that never came to its command, since somebody else had taken a port of what was proven to be stopped. That port is not waited for:
 * the start of the version before asks for it again.
 */
async function nothingStarted(context: StepContext): Promise<boolean> {
  const { at, folder } = context;
  const refused = at.undo && at.step === 'start' && wasStopped(folder) && !startedIn(context, false);
  return refused && (await notedAlive(context)).length === 0;
}

/** The command runs nevertheless, for what a supervisor may have brought back; what it does not end is none of the system's. */
async function stopNothing(context: StepContext): Promise<StepResult> {
  const { stop: argv, timeoutMs } = settingsOf(context.definition);
  const ports = portsOfSystem(context.definition);
  await context.change('stop', requestFor(context, argv)).catch((error: unknown) => {
    if (!['CommandFailed', 'ToolMissing'].includes(failureType(error) ?? '')) throw error;
  });
  await awaitNoWorkers(context, Date.now() + timeoutMs);
  await awaitStatus(context, 'stopped');
  await awaitClosed(ports, Math.min(timeoutMs, strangerMs)).catch((error: unknown) => {
    if (failureType(error) !== 'NotStopped') throw error;
  });
  const open = await openPorts(ports);
  const who = open.length > 0 ? `; not this system's: ${await whoHolds(open)}` : '';
  return { note: `nothing was started${who}`, data: { ports } };
}

async function turnProcesses(context: StepContext, which: 'open' | 'close'): Promise<StepResult> {
  const { argv: _, ...request } = requestFor(context, []);
  return turn(context, which, { ...request, deadlineMs: settingsOf(context.definition).timeoutMs });
}

async function checkProcesses(context: StepContext): Promise<CheckResult[]> {
  const { definition } = context;
  const where = definition.positions['runtime.processes'] ?? 'unasked';
  const settings = settingsOf(definition);
  const ports = portsOfSystem(definition);
  const listeners = await listenersOn(ports);
  const seen = listeners.length > 0 ? nameListeners(listeners) : 'nothing listens';
  const information = {
    ...unasked('ports', true, `ports ${ports.join(', ')} are the system's own`, seen, where),
    must: 'record' as const,
  };
  const own = listeners.filter(({ port }) => settings.ports.includes(port));
  const opening = definition.runtime.open === 'at_start' ? undefined : definition.runtime.open;
  const commands: [string, Argv | undefined][] = [
    ['stop', settings.stop],
    ['start', settings.start],
    ['status', settings.status],
    ['workers', settings.workers],
    ['open', opening?.open],
    ['close', opening?.close],
  ];
  return [
    information,
    ...checkSeen(own, where),
    ...(await checkWorkers(context, own, where)),
    ...commands.flatMap(([name, argv]) => (argv ? [checkProgram(context, name, argv, where)] : [])),
  ];
}

/** Of a process that nobody here can see nobody can tell that it ended, or that it is the new one. */
function checkSeen(own: Listener[], where: string): CheckResult[] {
  const hidden = own.filter(({ pid }) => pid === undefined);
  if (hidden.length === 0) return [];
  return [
    unasked('listeners', false, 'processes that the worker can see', `${nameListeners(hidden)}: ${toSee}`, where),
  ];
}

/** Asked where something listens: before the first start there may be nobody yet who knows. */
async function checkWorkers(context: StepContext, own: Listener[], where: string): Promise<CheckResult[]> {
  if (settingsOf(context.definition).workers === undefined || own.length === 0) return [];
  const problem = await workersProblem(context, own).catch(rootMessage);
  return [
    unasked(
      'workers',
      !problem,
      'what listens is named, or started what is named',
      problem ?? nameListeners(own),
      where,
    ),
  ];
}

/** A program inside the checkout may come with the new version; only what stops the present one has to be there now. */
function checkProgram(context: StepContext, name: string, [program = '']: Argv, where: string): CheckResult {
  const { directory } = context.definition;
  const path = context.env.get('PATH')?.reveal() ?? process.env.PATH;
  const found = existsSync(directory) ? findProgram(program, path, directory) : undefined;
  const expected = `${program} is a program on this host`;
  const check = (ok: boolean, seen: string) => unasked(`${name}-command`, ok, expected, seen, where);
  if (found) return check(true, found);
  const comesLater =
    program.includes('/') && !program.startsWith('/') && (name === 'start' || context.run.previous === null);
  return comesLater
    ? check(true, 'not there yet: the new version has to bring it')
    : check(false, `not found from ${directory} or on PATH`);
}

function commandLines(definition: Definition, before: string): Record<'stop' | 'start' | 'open' | 'close', string[]> {
  const { stop: stopping, start: starting, env } = settingsOf(definition);
  const { open } = definition.runtime;
  const line = (argv: Argv, more = {}) => [`${before}${shellLine(argv, { ...env, ...more })}`];
  const turned = open === 'at_start' ? { open: [], close: [] } : { open: line(open.open), close: line(open.close) };
  return { stop: line(stopping), start: line(starting, guardOf(definition)), ...turned };
}
