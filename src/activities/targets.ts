import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sharedDatabases } from '../definition/load.js';
import { fail } from '../errors.js';
import { readJson, writeAtomic } from '../lib/files.js';
import type { CheckResult } from '../model.js';
import { unasked, type StepContext } from './context.js';
import type { StandbyRecord } from './data/contract.js';
import { stores } from './data/lookup.js';
import { readReturn } from './records.js';
import type { Step } from './step.js';

type Target = StandbyRecord['live'];
/** The live store that each name of the definition meant when the run was resolved; null where nobody could tell: preflight says why. */
export type Targets = Record<string, Target | null>;

export async function targetsOf(context: StepContext): Promise<Targets> {
  const all = stores(context.definition);
  const found = await Promise.all(all.map((store) => store.live(context).catch(() => null)));
  return Object.fromEntries(all.map(({ name }, index) => [name, found[index] ?? null]));
}

/** Before a step acts on data: an env file that was edited since may name another database by now. Throws DataRefused, naming both. */
export async function refuseOtherTargets(context: Step): Promise<void> {
  for (const store of stores(context.definition)) {
    if (isTold(context.pinned.targets[store.name])) refuseOther(context, store.name, await store.live(context));
  }
}

/**
 * The same before data is put back or undone. A file may have been made anew by the release itself, and a database by this run, to return from
 * an undo of migrations that failed.
 */
export async function refuseOtherPlaces(context: Step): Promise<void> {
  const made = (await readReturn(context.folder)) ?? [];
  for (const store of stores(context.definition)) {
    const planned = context.pinned.targets[store.name];
    if (!isTold(planned)) continue;
    const now = await store.live(context);
    const own = made.some(({ live, copyOid }) => live.system === now.system && copyOid === now.oid);
    if (!own && !(now.system === 'file' && now.name === planned.name)) refuseOther(context, store.name, now);
  }
}

/** The same of what was found already: a store that was left closed cannot be asked. Throws DataRefused. */
export function refuseOther({ pinned }: Step, store: string, now: Target): void {
  const planned = pinned.targets[store];
  if (!isTold(planned) || (now.oid === planned.oid && now.system === planned.system)) return;
  throw fail(
    'DataRefused',
    `${store} is ${told(now)}, and was ${told(planned)} when this run began: something else was put in its place; look at it, then start anew`,
  );
}

/** A file that was not there yet is made by the release. */
function isTold(target: Target | null | undefined): target is Target {
  return target !== null && target !== undefined && target.oid !== 'none';
}

/** For preflights of others on this host. */
export async function noteTargets({ home }: Pick<StepContext, 'home'>, targets: Targets): Promise<void> {
  await writeAtomic(pathIn(home), JSON.stringify(targets, null, 2));
}

/**
 * Whether another environment has the same store: certain where both definitions, with their env files as they are now, lead to one place; likely where it
 * had that name on that server when it last ran.
 */
export async function checkOwnData(context: Step): Promise<CheckResult[]> {
  const certain = await sharedDatabases(context.systems, context.definition);
  if (certain.length > 0) {
    const result = unasked('own-data', false, expected, certain.join('; '));
    // A definition that was drafted meanwhile must not hold up a rollback.
    return [context.run.kind === 'rollback' ? { ...result, must: 'warn' } : result];
  }
  const own = Object.entries(context.pinned.targets).filter(([, target]) => target !== null) as [string, Target][];
  if (own.length === 0) return [];
  const shared: string[] = [];
  for (const environment of await others(context)) {
    const theirs = (await readJson<Targets>(pathIn(join(context.shared, environment)))) ?? {};
    for (const [name, target] of own)
      if (Object.values(theirs).some((other) => other && isSame(target, other)))
        shared.push(`${name} is ${told(target)}, which ${environment} had when it last ran`);
  }
  const result = unasked('own-data', shared.length === 0, expected, shared.join('; ') || 'none has');
  // A clone of a server's files names itself as its origin does.
  return [{ ...result, must: 'warn' }];
}

const expected = 'no other environment of this host has this data';

function isSame(one: Target, other: Target): boolean {
  return one.system === other.system && one.name === other.name;
}

async function others({ shared, run }: Step): Promise<string[]> {
  const folders = async (path: string) =>
    (await readdir(path, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const systems = (await folders(shared)).filter((name) => !name.startsWith('.'));
  const all = await Promise.all(
    systems.map(async (system) => (await folders(join(shared, system))).map((name) => `${system}/${name}`)),
  );
  return all.flat().filter((environment) => environment !== run.environment);
}

function told({ name, oid, system }: Target): string {
  return system === 'file' ? `${name} (inode ${oid})` : `database ${name} (oid ${oid}, server ${system})`;
}

function pathIn(home: string): string {
  return join(home, 'targets.json');
}
