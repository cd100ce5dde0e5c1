import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import { inspectContainers, type Container } from '../docker-state.js';

const pauseMs = 250;

interface Watch {
  timeoutMs: number;
  observeMs: number;
  /** Services whose one job others wait for. */
  awaited?: string[];
  /** Containers that were well before. */
  beside?: Container[];
}

/**
 * Waits until all of them run, or have done their one job, and are healthy where they say; then watches that it stays so for `observeMs`:
 * `up --wait` returns 0 for a service that dies three seconds later. Those `beside` only must not get worse. Throws NotStarted, with the last lines of who died.
 */
export async function observe(
  context: StepContext,
  containers: Container[],
  { timeoutMs, observeMs, awaited = [], beside = [] }: Watch,
): Promise<Container[]> {
  const deadline = Date.now() + timeoutMs;
  const all = [...containers, ...beside];
  const restartedBefore = new Map(beside.map(({ id, restarts }) => [id, restarts]));
  let steadySince: number | undefined;
  for (;;) {
    const seen = await inspectContainers(
      (request) => context.look(request),
      all.map(({ id }) => id),
    );
    const now = seen.map((one) => ({ ...one, restarts: one.restarts - (restartedBefore.get(one.id) ?? 0) }));
    const gone = all.filter(({ id }) => !now.some((one) => one.id === id));
    const dead = now.filter((one) => isDead(one, awaited));
    if (gone[0]) throw fail('NotStarted', `${nameOf(gone[0])} was removed while it started`);
    if (dead[0]) throw await died(context, dead[0]);
    const waiting = now.filter((one) => !isReady(one));
    let pause = pauseMs;
    if (waiting.length === 0) {
      steadySince ??= Date.now();
      const left = observeMs - (Date.now() - steadySince);
      if (left <= 0) return now;
      // The last look comes when the time is over, not a pause later: this is downtime.
      pause = Math.min(pauseMs, left);
      context.progress(`all run; watching for ${Math.round(observeMs / 1000)} s`);
    } else {
      steadySince = undefined;
      context.progress(
        `waiting for ${waiting.map((one) => `${nameOf(one)} (${one.health ?? one.status})`).join(', ')}`,
      );
      if (Date.now() > deadline) throw await late(context, waiting[0]!, timeoutMs);
    }
    await wait(pause);
  }
}

/** The failure of the first new container that has died; undefined where none has. */
export async function diedOf(
  context: StepContext,
  containers: Container[],
  before: Container[],
  awaited: string[],
): Promise<Error | undefined> {
  const dead = containers.find((one) => isDead(one, awaited) && !before.some(({ id }) => id === one.id));
  return dead && died(context, dead);
}

/** One that ended well and is not to be started again has done its job; a server, which publishes a port, has none that ends. */
function isDead(
  { running, status, exitCode, restarts, health, restartPolicy, ports, service }: Container,
  awaited: string[],
): boolean {
  if (restarts > 0 || status === 'restarting' || status === 'dead' || health === 'unhealthy') return true;
  if (running || status === 'created') return false;
  if (ports.length > 0 && !awaited.includes(service)) return true;
  return exitCode !== 0 || !['no', '', 'on-failure'].includes(restartPolicy);
}

function isReady({ running, status, exitCode, health }: Container): boolean {
  if (!running) return status === 'exited' && exitCode === 0;
  return health === undefined || health === 'healthy';
}

async function died(context: StepContext, container: Container): Promise<Error> {
  const { running, exitCode, restarts, health } = container;
  const how =
    health === 'unhealthy'
      ? 'is unhealthy'
      : restarts > 0
        ? `was started again ${restarts} times`
        : `ended with exit code ${exitCode}`;
  return fail(
    'NotStarted',
    `${nameOf(container)} ${running || restarts > 0 ? '' : 'does not run: it '}${how}; ${await lastWords(context, container)}`,
  );
}

async function late(context: StepContext, container: Container, timeoutMs: number): Promise<Error> {
  const state = container.health ?? container.status;
  return fail(
    'NotStarted',
    `${nameOf(container)} is still ${state} after ${Math.round(timeoutMs / 1000)} s; ${await lastWords(context, container)}`,
  );
}

/** What it printed last, for a failure's text. */
export async function lastWords(context: StepContext, { id }: Pick<Container, 'id'>): Promise<string> {
  const { tail } = await context.look({ argv: ['docker', 'logs', '--tail', '5', id], ok: [0, 1] });
  const lines = tail.trim().split('\n').filter(Boolean).slice(-5);
  return `its last lines: ${context.env.redactor.redact(lines.join(' / ')).slice(-600) || 'none'}`;
}

function nameOf({ service, name }: Container): string {
  return service || name;
}
