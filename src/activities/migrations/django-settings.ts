import type { Argv, Definition, Release } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';
import { djangoRows } from './applied.js';
import { appOf, readCode, revisionsOf } from './django-files.js';
import { toolLine, toolRequest, type Leading } from './tool-request.js';

export function manageRequest(
  context: StepContext,
  checkout: string,
  args: Argv,
  leading: Leading = {},
): CommandRequest {
  return toolRequest(context, checkout, [...programOf(context.definition), ...args], leading);
}

/** As a person types it. */
export function manageLine(definition: Definition, ...args: string[]): string {
  return toolLine(definition, [...programOf(definition), ...args]);
}

/** Apps that this run's releases have the migrations of; all others are third parties', whose migrations no file of ours names. */
export async function ownApps(context: StepContext, release?: Release): Promise<Set<string>> {
  const { version, previous } = context.run;
  const releases = [version, previous, release].filter((one) => one && one.sha !== '') as Release[];
  const apps = new Map<string, Set<string>>();
  for (const one of releases) if (!apps.has(one.sha)) apps.set(one.sha, (await readCode(context, one)).apps);
  return new Set([...apps.values()].flatMap((some) => [...some]));
}

/** Of third parties a release knows whatever the database has. */
export async function knownMigrations(context: StepContext, release: Release): Promise<string[]> {
  const [code, own, rows] = [
    await readCode(context, release),
    await ownApps(context, release),
    await djangoRows(context),
  ];
  return [...rows.filter((row) => !own.has(appOf(row))), ...revisionsOf(code)];
}

function programOf({ migrations }: Definition): Argv {
  return migrations?.django?.runs ?? ['python3', 'manage.py'];
}
