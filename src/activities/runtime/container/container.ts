import { join } from 'node:path';
import { fail, failureType, rootMessage } from '../../../errors.js';
import { readJson, writeAtomic } from '../../../lib/files.js';
import { quoted, shellLine } from '../../../lib/shell-line.js';
import type { Argv, CheckResult, Definition, Release, Runtime as RuntimeSection, StepResult } from '../../../model.js';
import { unasked, type CommandRequest, type StepContext } from '../../context.js';
import { lastWords, observe } from '../compose/observe.js';
import type { Runtime } from '../contract.js';
import { inspectContainers, type Container } from '../docker-state.js';
import { guardOf, guardValues } from '../guard.js';
import { openPorts } from '../listeners.js';
import { turn } from '../open.js';
import { checkVolumes } from '../volumes.js';
import { awaitClosed, awaitOpen, whoHolds } from '../wait-for-ports.js';
import { keepContainer } from './kept.js';

/** One container that scripts of the system run. What they say is a claim; the container and its ports are the proof. */
export const container: Runtime = {
  runs: async (context) => (await present(context))?.running ?? false,
  preflight: checkContainer,
  stop,
  start,
  lastWords: async (context) => {
    const found = await present(context);
    return found ? `; ${await lastWords(context, found)}` : '';
  },
  open: (context) => turn(context, 'open', request(context)),
  close: (context) => turn(context, 'close', request(context)),
  commands: (definition) => lines(definition, ''),
  resolved: async () => [],
  byHand: ({ definition }) => lines(definition, `cd ${quoted(definition.directory)} && `),
};

async function stop(context: StepContext): Promise<StepResult> {
  const { name, stop: argv, ports, timeoutMs } = settingsOf(context.definition);
  const before = await present(context);
  if (before) await keepContainer(context.folder, before);
  const again = context.began('stop');
  let note = `${name} stopped`;
  try {
    await context.change('stop', { ...request(context), argv });
  } catch (error) {
    // A script may complain that there is nothing to stop, or not be there before the first release.
    if (before?.running || !['CommandFailed', 'ToolMissing'].includes(failureType(error) ?? '')) throw error;
    note = `${name} did not run; ${rootMessage(error)}`;
  }
  const left = await present(context);
  if (left?.running)
    throw fail('NotStopped', `${name} still runs after ${argv.join(' ')}: look with docker ps, then retry`);
  if (left && left.restartPolicy === 'always')
    // Else it would come back with the engine, behind a release that is half done.
    await context.change('hold', { argv: ['docker', 'update', '--restart', 'unless-stopped', left.id] });
  // A port of one that did not run may be somebody else's by now.
  if (before?.running || again) await awaitClosed(ports, timeoutMs);
  return { note: `${note}; closed: ${ports.join(', ')}`, data: { ports } };
}

/** `start` of what runs already does nothing and says nothing: the proof is a container that was not there, or did not run, before. */
async function start(context: StepContext, release: Release): Promise<StepResult> {
  const { name, start: argv, ports, timeoutMs, observeMs } = settingsOf(context.definition);
  const before = (await readJson<Before>(beforePath(context))) ?? (await takeBefore(context));
  await context.change('start', { ...request(context), argv, env: guardValues(context) });
  const after = await present(context);
  if (!after) throw fail('NotStarted', `there is no container ${name} after ${argv.join(' ')}`);
  if (after.id === before.id && after.startedAt === before.startedAt)
    throw fail('NotStarted', `${name} is the container of before, which ${argv.join(' ')} did not start`);
  const [seen = after] = await observe(context, [after], { timeoutMs, observeMs });
  if (!seen.running)
    throw fail('NotStarted', `${name} ended with exit code ${seen.exitCode}; ${await lastWords(context, seen)}`);
  await awaitOpen(ports, timeoutMs);
  return {
    note: `${name} (${after.id.slice(0, 12)}) runs ${release.version}, steady for ${Math.round(observeMs / 1000)} s`,
    data: { container: { id: after.id, image: after.image, startedAt: seen.startedAt } },
  };
}

/** The container before the start; without one, an empty record. */
type Before = Partial<Pick<Container, 'id' | 'startedAt'>>;

async function takeBefore(context: StepContext): Promise<Before> {
  const { name, stop: stopping, ports } = settingsOf(context.definition);
  // What an earlier try of this step started is in the way of this one.
  if (context.at.try > 1 && (await present(context))?.running)
    await context.change('stop-before-retry', { ...request(context), argv: stopping });
  const now = await present(context);
  if (now?.running)
    throw fail('NotStarted', `${name} runs already, so its start script would do nothing: stop it, then retry`);
  const taken = await openPorts(ports);
  if (taken.length > 0)
    throw fail(
      'NotStarted',
      `nothing was started, since the port is taken: ${await whoHolds(taken)}: end that process, then retry`,
    );
  const before: Before = now ? { id: now.id, startedAt: now.startedAt } : {};
  await writeAtomic(beforePath(context), JSON.stringify(before));
  return before;
}

function beforePath({ folder, at }: StepContext): string {
  return join(folder, `${at.undo ? 'undo-' : ''}${at.step}-${at.try}-container.json`);
}

async function checkContainer(context: StepContext): Promise<CheckResult[]> {
  const { name, ports, volume } = settingsOf(context.definition);
  const where = context.definition.positions['runtime.container'] ?? 'unasked';
  try {
    const engine = await context.look({ argv: ['docker', 'version', '--format', '{{.Server.Version}}'] });
    const now = await present(context);
    if (now) await keepContainer(context.folder, now);
    const taken = now?.running ? [] : await openPorts(ports);
    const seen = now ? `${name} (${now.id.slice(0, 12)}) ${now.status}` : `no container ${name} yet`;
    return [
      unasked('engine', true, 'the docker engine answers', engine.stdout?.trim() ?? '', where),
      { ...unasked('container', true, `${name} is the system's own`, seen, where), must: 'record' },
      unasked(
        'ports',
        taken.length === 0,
        `ports ${ports.join(', ')} are free or our own`,
        taken.length > 0 ? await whoHolds(taken) : seen,
        where,
      ),
      // Before the first release there may be none yet.
      ...(volume && (now || context.run.previous) ? await checkVolumes(context, [volume], where, now) : []),
    ];
  } catch (error) {
    return [unasked('engine', false, 'the docker engine answers', rootMessage(error), where)];
  }
}

async function present(context: StepContext): Promise<Container | undefined> {
  const [found] = await inspectContainers((asked) => context.look(asked), [settingsOf(context.definition).name]);
  return found;
}

function request(context: StepContext): Omit<CommandRequest, 'argv'> & { deadlineMs: number } {
  return { deadlineMs: settingsOf(context.definition).timeoutMs };
}

function settingsOf({ environment, runtime }: Definition): NonNullable<RuntimeSection['container']> {
  if (!runtime.container) throw fail('BadDefinition', `${environment}: runtime has no container`);
  return runtime.container;
}

function lines(definition: Definition, before: string): Record<'stop' | 'start' | 'open' | 'close', string[]> {
  const { stop: stopping, start: starting } = settingsOf(definition);
  const { open } = definition.runtime;
  const line = (argv: Argv, env = {}) => [`${before}${shellLine(argv, env)}`];
  const turned = open === 'at_start' ? { open: [], close: [] } : { open: line(open.open), close: line(open.close) };
  return { stop: line(stopping), start: line(starting, guardOf(definition)), ...turned };
}
