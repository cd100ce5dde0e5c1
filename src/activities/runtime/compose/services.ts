import { effectServices } from '../../../definition/effects.js';
import { fail } from '../../../errors.js';
import { shellLine } from '../../../lib/shell-line.js';
import type { Definition, Release, StepResult } from '../../../model.js';
import type { StepContext } from '../../context.js';
import type { Container } from '../docker-state.js';
import { guardOf, guardValues } from '../guard.js';
import { composeOf } from './arguments.js';
import { graceOf, gracesOf, sumOf, overrideOf, stopArgv, upArgv } from './commands.js';
import { observe } from './observe.js';
import { containersOf } from './project.js';

/** Just these, of `effects`: a new container of the release's image, or none that runs. */
export async function turnServices(
  context: StepContext,
  to: 'start' | 'stop',
  names: string[],
  release: Release,
): Promise<StepResult> {
  const { definition } = context;
  const { timeoutMs, observeMs } = composeOf(definition);
  const before = (await containersOf(context, names)).ours;
  if (to === 'start') {
    await context.change(`up-${names.join('-')}`, {
      argv: upArgv(definition, names, overrideOf(context, release)),
      env: guardValues(context),
      deadlineMs: timeoutMs,
    });
    const started = (await containersOf(context, names)).ours;
    const missing = names.filter((name) => !started.some(({ service }) => service === name));
    if (missing.length > 0) throw fail('NotStarted', `${missing.join(', ')} has no container after docker compose up`);
    await observe(context, started, { timeoutMs, observeMs });
    return { note: `${names.join(', ')} started` };
  }
  await hold(
    context,
    before.filter(({ running }) => running),
  );
  const argv = stopArgv(definition, names, graceOf(context));
  const deadlineMs = timeoutMs + 1000 * sumOf(gracesOf(before, graceOf(context)));
  if (before.length > 0)
    await context.change(`stop-${names.join('-')}`, { argv, env: guardValues(context), deadlineMs });
  const left = (await containersOf(context, names)).ours.filter(({ running }) => running);
  if (left[0])
    throw fail('NotStopped', `${left.map(({ service }) => service).join(', ')} still runs: look with docker ps`);
  return { note: `${names.join(', ')} stopped` };
}

/** A container that always restarts comes back with the engine even after it was stopped. */
export async function hold(context: StepContext, running: Container[]): Promise<void> {
  for (const { id, service, restartPolicy } of running)
    if (restartPolicy === 'always')
      await context.change(`hold-${service}-${id.slice(0, 12)}`, {
        argv: ['docker', 'update', '--restart', 'unless-stopped', id],
      });
}

/** `start` leaves them as they are: they come last. */
export function withoutEffects<T extends { ours: string[] }>(definition: Definition, project: T): T {
  const effects = effectServices(definition);
  return { ...project, ours: project.ours.filter((service) => !effects.includes(service)) };
}

export function restarted(definition: Definition): string[] {
  const effects = effectServices(definition);
  return (composeOf(definition).restart ?? []).filter((service) => !effects.includes(service));
}

export function serviceLine(definition: Definition, to: 'start' | 'stop', names: string[], override?: string): string {
  const argv = to === 'stop' ? stopArgv(definition, names, undefined) : upArgv(definition, names, override);
  return shellLine(argv, guardOf(definition));
}
