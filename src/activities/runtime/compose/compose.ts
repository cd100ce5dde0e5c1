import { effectServices } from '../../../definition/effects.js';
import { migratingService } from '../../../definition/migrates-itself.js';
import { fail } from '../../../errors.js';
import { allEnded } from '../../../lib/all-ended.js';
import { quoted, shellLine } from '../../../lib/shell-line.js';
import type { Argv, Definition, Release, StepResult } from '../../../model.js';
import type { StepContext } from '../../context.js';
import type { Runtime } from '../contract.js';
import type { Container } from '../docker-state.js';
import { guardOf, guardValues } from '../guard.js';
import { turn } from '../open.js';
import { awaitClosed, awaitOpen } from '../wait-for-ports.js';
import { announcedLines, checkAnnounced } from './announced.js';
import { composeArgv, composeOf, hasFiles } from './arguments.js';
import { checkCompose } from './checks.js';
import { checkComing, refuseOtherFiles } from './coming.js';
import {
  graceLines,
  graceOf,
  graceSeconds,
  gracesOf,
  sumOf,
  overrideOf,
  shortGrace,
  stopArgv,
  tellGraces,
  unpulled,
  upArgv,
} from './commands.js';
import { foreignLines, goneImages } from './foreign.js';
import { holdersOf, takenPorts } from './host-checks.js';
import { diedOf, lastWords, observe } from './observe.js';
import { configLine, containersOf, databaseServices, readProject, type Project } from './project.js';
import { hold, restarted, serviceLine, turnServices, withoutEffects } from './services.js';

/** Services of docker compose. What `up` and `stop` say is a claim; containers and ports are the proof. */
export const compose: Runtime = {
  runs: async (context) => (await ours(context)).some(({ running }) => running),
  preflight: async (context) => (await allEnded([checkCompose(context), checkAnnounced(context)])).flat(),
  coming: checkComing,
  stop,
  start,
  lastWords: async (context) => {
    const all = await ours(context);
    const found = all.find(({ service }) => service === migratingService(context.definition)) ?? all[0];
    return found ? `; ${await lastWords(context, found)}` : '';
  },
  open: (context) => turn(context, 'open', { deadlineMs: composeOf(context.definition).timeoutMs }),
  close: (context) => turn(context, 'close', { deadlineMs: composeOf(context.definition).timeoutMs }),
  commands: (definition) => lines(definition, ''),
  resolved: async (context) => [...new Set((await allEnded([liveLines(context), announcedLines(context)])).flat())],
  byHand: (context) =>
    lines(context.definition, inCheckout(context), previousOverride(context), shortGrace(context.definition)),
  services: {
    turn: turnServices,
    commands: (definition, to, names) => [serviceLine(definition, to, names)],
    byHand: (context, to, names) => [
      inCheckout(context) + serviceLine(context.definition, to, names, previousOverride(context)),
    ],
  },
};

/** Stopped by people's own hand, so that no reboot starts it again behind a release that is half done. */
async function stop(context: StepContext): Promise<StepResult> {
  const { definition } = context;
  const { timeoutMs } = composeOf(definition);
  const containers = await ours(context);
  const running = containers.filter(({ running }) => running);
  const graces = gracesOf(running, graceOf(context));
  const grace = graceOf(context);
  const again = context.began('stop');
  const began = Date.now();
  await hold(context, running);
  const services = [...new Set(containers.map(({ service }) => service))];
  if (services.length > 0 || context.began('stop'))
    await context.change('stop', {
      argv: stopArgv(definition, services, grace),
      env: guardValues(context),
      // Whoever may take his time to stop is not cut short by the deadline of the command.
      deadlineMs: timeoutMs + 1000 * sumOf(graces),
    });
  const left = (await ours(context)).filter((one) => one.running);
  if (left[0])
    throw fail(
      'NotStopped',
      `${left.map(({ service }) => service).join(', ')} still runs after docker compose stop: look with docker ps, then retry`,
    );
  // A port of one that did not run may be somebody else's by now.
  const ports = [...new Set((again ? containers : running).flatMap((one) => one.ports))];
  await awaitClosed(ports, timeoutMs);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  return {
    note: `${services.join(', ') || 'nothing'} stopped in ${seconds} s, grace ${tellGraces(graces, grace)}; closed: ${ports.join(', ') || 'no port'}`,
    data: { services, ports, graceSeconds: grace ?? null, graces },
  };
}

/** New containers of the release's images, and of no other service's; proven by their ids and by watching them. */
async function start(context: StepContext, release: Release): Promise<StepResult> {
  const { definition } = context;
  const { timeoutMs, observeMs } = composeOf(definition);
  const restart = restarted(definition);
  const override = overrideOf(context, release);
  await refuseOtherFiles(context, release);
  const project = withoutEffects(definition, await readProject(context, override));
  if (project.unset.length > 0)
    throw fail(
      'NotStarted',
      `not set, so compose would leave it blank: ${project.unset.join(', ')}: add it to the env file`,
    );
  const before = await containersOf(context, project.ours);
  if (!context.began('up')) await refuseTaken(context, project, before.ours);
  await startNeeded(context, project, before.others, override);
  const others = (await containersOf(context, project.ours)).others;
  const argv = upArgv(definition, project.ours, override);
  try {
    await context.change('up', { argv, env: guardValues(context), deadlineMs: timeoutMs });
  } catch (error) {
    // Where a service waited for one that died, compose names it, but not what it said.
    const dead = await diedOf(context, (await containersOf(context, project.ours)).ours, before.ours, project.awaited);
    throw dead ?? (await goneImages(context, release)) ?? error;
  }
  const after = await containersOf(context, project.ours);
  const recreated = others.filter(({ id }) => !after.others.some((one) => one.id === id));
  if (recreated[0])
    throw fail(
      'NotStarted',
      `${recreated.map(({ service }) => service).join(', ')} is no service of this release, but was recreated: what it held in its own container is gone with it`,
    );
  const missing = project.ours.filter((service) => !after.ours.some((one) => one.service === service));
  if (missing.length > 0) throw fail('NotStarted', `${missing.join(', ')} has no container after docker compose up`);
  for (const service of restart)
    await context.change(`restart-${service}`, {
      argv: [...composeArgv(definition, override), 'restart', service],
      env: guardValues(context),
      deadlineMs: timeoutMs,
    });
  const again = after.others.filter(({ service }) => restart.includes(service));
  // What else of the project is well must stay so: it may need what is new.
  const beside = after.others.filter(
    ({ running, health, service }) => running && (health ?? 'healthy') === 'healthy' && !restart.includes(service),
  );
  const watched = await observe(context, [...after.ours, ...again], {
    ...{ timeoutMs, observeMs, beside },
    awaited: project.awaited,
  });
  const seen = watched.filter(({ service }) => project.ours.includes(service));
  const published = seen.filter(({ running }) => running).flatMap((one) => one.published.map(({ port }) => port));
  await awaitOpen([...new Set(published)], timeoutMs);
  return {
    note: `${seen.map(({ service, id }) => `${service} (${id.slice(0, 12)})`).join(', ')}, steady for ${Math.round(observeMs / 1000)} s`,
    data: {
      containers: seen.map(({ service, id, image, startedAt, ports }) => ({ service, id, image, startedAt, ports })),
    },
  };
}

async function ours(context: StepContext): Promise<Container[]> {
  const named = composeOf(context.definition).services;
  const services = named ?? (await readProject(context)).ours;
  return (await containersOf(context, services)).ours;
}

/** What of ours is in the way is stopped by then, so whoever holds one of our ports is somebody else. */
async function refuseTaken(context: StepContext, project: Project, ours: Container[]): Promise<void> {
  const taken = await takenPorts(project, ours);
  if (taken.length > 0)
    throw fail(
      'NotStarted',
      `nothing was started, since the port is taken: ${await holdersOf(context, taken)}: end it, then retry`,
    );
}

/** What the release's services need and no release touches: started where it is not there, never recreated. */
async function startNeeded(
  context: StepContext,
  project: Project,
  others: Container[],
  override: string | undefined,
): Promise<void> {
  const { ours: own, needs } = project;
  const wanted = new Set<string>();
  const visit = (service: string): void => {
    for (const needed of needs[service] ?? []) {
      if (wanted.has(needed)) continue;
      wanted.add(needed);
      visit(needed);
    }
  };
  own.forEach(visit);
  const effects = effectServices(context.definition);
  const { definition } = context;
  const absent = [...wanted].filter(
    (service) =>
      !own.includes(service) &&
      !effects.includes(service) &&
      !others.some((one) => one.service === service && one.running),
  );
  if (absent.length === 0) return;
  const argv = [
    ...composeArgv(definition, override),
    'up',
    '--detach',
    '--no-build',
    ...unpulled(definition),
    '--no-recreate',
    '--no-deps',
    ...absent,
  ];
  const { timeoutMs } = composeOf(definition);
  await context.change('up-needed', { argv, env: guardValues(context), deadlineMs: timeoutMs });
  // `--no-deps` waits for nobody.
  const started = (await containersOf(context, own)).others.filter(({ service }) => absent.includes(service));
  await observe(context, started, { timeoutMs, observeMs: 0, awaited: project.awaited });
}

async function liveLines(context: StepContext): Promise<string[]> {
  if (!hasFiles(context.definition)) return [];
  const project = await readProject(context);
  return [configLine(project), ...(await foreignLines(context, project)), ...graceLines(context.definition, project)];
}

function previousOverride(context: StepContext): string | undefined {
  return overrideOf(context, context.run.previous);
}

function inCheckout({ definition }: StepContext): string {
  return `cd ${quoted(definition.directory)} && `;
}

function lines(
  definition: Definition,
  before: string,
  override?: string,
  grace = graceSeconds(definition),
): Record<'stop' | 'start' | 'open' | 'close', string[]> {
  const { services } = composeOf(definition);
  const restart = restarted(definition);
  const { open } = definition.runtime;
  const guard = guardOf(definition);
  const line = (argv: Argv, env = {}) => `${before}${shellLine(argv, env)}`;
  // Found anew each time: the versions before and after may have others.
  const kept = services ? [] : databaseServices(definition);
  const found =
    kept.length === 0
      ? []
      : [
          `${before}services=$(${shellLine([...composeArgv(definition), 'config', '--services'], guard)} | ${shellLine(['grep', '-vxF', ...kept.flatMap((service) => ['-e', service])])})`,
        ];
  const all = found.length === 0 ? '' : ' $services';
  const own = withoutEffects(definition, { ours: services ?? [] }).ours;
  return {
    stop: [...found, line(stopArgv(definition, services ?? [], grace), guard) + all],
    start: [
      ...found,
      line(upArgv(definition, own, override), guard) + all,
      ...(restart.length > 0 ? [line([...composeArgv(definition, override), 'restart', ...restart], guard)] : []),
    ],
    open: open === 'at_start' ? [] : [line(open.open)],
    close: open === 'at_start' ? [] : [line(open.close)],
  };
}
