import { existsSync } from 'node:fs';
import type { Argv, Definition, Release } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { imagesOverride } from '../../source/images/record.js';
import { engineGrace, type Container } from '../docker-state.js';
import { composeArgv, composeOf, isPlugin } from './arguments.js';
import type { Project } from './project.js';

export function upArgv(definition: Definition, services: string[], override?: string): Argv {
  const renew = composeOf(definition).renew_anonymous_volumes ? ['--renew-anon-volumes'] : [];
  // A new container even where nothing changed: it reads its checkout and its variables anew, and proves that it started.
  return [
    ...composeArgv(definition, override),
    'up',
    '--detach',
    '--no-build',
    ...unpulled(definition),
    '--no-deps',
    '--force-recreate',
    ...renew,
    ...services,
  ];
}

/** No image is fetched in the downtime, whatever `pull_policy` says; v1 has no such option. */
export function unpulled(definition: Definition): string[] {
  return isPlugin(definition) ? ['--pull', 'never'] : [];
}

export function stopArgv(definition: Definition, services: string[], grace: number | undefined): Argv {
  return [
    ...composeArgv(definition),
    'stop',
    ...(grace === undefined ? [] : ['--timeout', String(grace)]),
    ...services,
  ];
}

/** Going back is in a hurry: whoever has not stopped by then is killed. */
const shortGraceSeconds = 5;

/** Undefined: what the compose file says. */
export function graceSeconds(definition: Definition): number | undefined {
  const { graceMs } = composeOf(definition);
  return graceMs === undefined ? undefined : Math.ceil(graceMs / 1000);
}

export function shortGrace(definition: Definition): number {
  return Math.min(graceSeconds(definition) ?? shortGraceSeconds, shortGraceSeconds);
}

export function graceOf({ definition, run, at }: StepContext): number | undefined {
  return at.undo || run.kind === 'rollback' ? shortGrace(definition) : graceSeconds(definition);
}

/** What each has before it is killed, in seconds: of the command, else what it was made with by its compose file. */
export function gracesOf(containers: Container[], said: number | undefined): Record<string, number> {
  return Object.fromEntries(containers.map(({ service, stopSeconds }) => [service, said ?? stopSeconds]));
}

export function sumOf(graces: Record<string, number>): number {
  return Object.values(graces).reduce((sum, seconds) => sum + seconds, 0);
}

/** `30 s`, or by service where the compose file says it. */
export function tellGraces(graces: Record<string, number>, said: number | undefined): string {
  if (said !== undefined) return `${said} s`;
  const each = Object.entries(graces).map(([service, seconds]) => `${service} ${seconds} s`);
  return each.length > 0 ? `of the compose file: ${each.join(', ')}` : 'of the compose file';
}

/** For the plan, where its commands do not say it. */
export function graceLines(definition: Definition, { ours, graces }: Project): string[] {
  if (graceSeconds(definition) !== undefined || ours.length === 0) return [];
  return [`# to stop by itself: ${ours.map((service) => `${service} ${graces[service] ?? engineGrace} s`).join(', ')}`];
}

/** The file that pins each service to its image's id, where the release has one. */
export function overrideOf(context: StepContext, release: Release | null): string | undefined {
  const path = release ? imagesOverride(context, release) : undefined;
  return path && existsSync(path) ? path : undefined;
}
