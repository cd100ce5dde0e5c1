import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dayMs } from '../../lib/day.js';
import { makeFolder, readJson, writeAtomic } from '../../lib/files.js';
import { readJournal } from '../../lib/journal.js';
import { withLock } from '../../lib/lock.js';
import { homeOf } from '../../lib/state-root.js';
import type { CheckResult, Kind } from '../../model.js';
import { isFailure, unasked, type StepContext } from '../context.js';
import { hasEnded } from '../ended.js';
import type { Need } from './contract.js';
import { deviceOf } from './device.js';
import { stores } from './lookup.js';
import { freeBytes, megabytes } from './postgres/room.js';

interface OwnNeed extends Need {
  store: string;
}

/** Room that an open release has passed its preflight on. */
interface Reserved {
  run: string;
  kind: Kind;
  environment: string;
  at: string;
  needs: Need[];
}

/**
 * Where several stores, or releases of other environments, need room on one disk: whether there is enough for all of them at once. Each store alone is told
 * by its own checks. What a release passes on is reserved for it until it has made its copies, or has ended.
 */
export async function checkSums(context: StepContext): Promise<CheckResult[]> {
  const needs = await ownNeeds(context);
  const folder = join(context.shared, '.room');
  await makeFolder(folder);
  const { run } = context;
  const check = async () => {
    const results = await compare(needs, await reservedByOthers(context, folder));
    const reserves = ['deploy', 'rollback'].includes(run.kind) && !results.some(isFailure);
    const reserved: Reserved = { run: run.id, kind: run.kind, environment: run.environment, at: new Date().toISOString(), needs }; // prettier-ignore
    if (reserves) await writeAtomic(pathOf(folder, run.id), JSON.stringify(reserved));
    else await rm(pathOf(folder, run.id), { force: true });
    return results;
  };
  return withLock(join(folder, 'lock'), `${run.kind} ${run.id}`, check, {
    waitMs: 60_000,
    signal: context.interrupted,
  });
}

/** Once its copies are made a release needs no more: what is reserved would be counted twice. */
export async function freeRoom({ shared, run }: StepContext): Promise<void> {
  await rm(pathOf(join(shared, '.room'), run.id), { force: true });
}

async function ownNeeds(context: StepContext): Promise<OwnNeed[]> {
  const found = stores(context.definition).map(async (store) => {
    // One that cannot be looked at is told by its own checks.
    const needs = (await store.needs?.(context).catch(() => [])) ?? [];
    return needs.map((need) => ({ ...need, store: store.name }));
  });
  return (await Promise.all(found)).flat();
}

/** What runs that are over have left is removed. */
async function reservedByOthers(context: StepContext, folder: string): Promise<Reserved[]> {
  const others: Reserved[] = [];
  for (const name of await readdir(folder)) {
    const found = name.endsWith('.json') ? await readJson<Reserved>(join(folder, name)) : undefined;
    if (!found || found.run === context.run.id) continue;
    if (await mayGoOn(context.shared, found)) others.push(found);
    else await rm(join(folder, name), { force: true });
  }
  return others;
}

/** One that was terminated before its first change has no journal, and no end: it counts for a day. */
async function mayGoOn(root: string, { environment, run, at }: Reserved): Promise<boolean> {
  const home = homeOf(environment, root);
  if (await hasEnded(join(home, 'runs', run))) return false;
  const journal = await readJournal(home).catch(() => undefined);
  return journal?.run === run || Date.now() - Date.parse(at) < dayMs;
}

async function compare(own: OwnNeed[], others: Reserved[]): Promise<CheckResult[]> {
  const disks = new Map<number, OwnNeed[]>();
  for (const need of own) {
    const device = await deviceOf(need.folder);
    disks.set(device, [...(disks.get(device) ?? []), need]);
  }
  const results: CheckResult[] = [];
  for (const [device, needs] of disks) {
    const reserved = await reservedOn(device, others);
    if (reserved.length > 0 || new Set(needs.map(({ store }) => store)).size > 1)
      results.push(await checkDisk(needs, reserved));
  }
  return results;
}

type Share = Pick<Reserved, 'run' | 'kind' | 'environment'> & { bytes: number };

async function reservedOn(device: number, others: Reserved[]): Promise<Share[]> {
  const shares = others.map(async ({ needs, ...other }) => {
    const there = await Promise.all(
      needs.map(async (need) => ((await deviceOf(need.folder)) === device ? need.bytes : 0)),
    );
    return { ...other, bytes: sumOf(there) };
  });
  return (await Promise.all(shares)).filter(({ bytes }) => bytes > 0);
}

async function checkDisk(needs: OwnNeed[], reserved: Share[]): Promise<CheckResult> {
  const wanted = sumOf([...needs, ...reserved].map(({ bytes }) => bytes));
  const folders = [...new Set(needs.map(({ folder }) => folder))].join(' and ');
  const names = [...new Set(needs.map(({ store }) => store))];
  const free = (await freeBytes(needs[0]!.folder)) ?? Infinity;
  const told = reserved.map(
    ({ bytes, kind, run, environment }) => `, with ${megabytes(bytes)} that ${kind} ${run} of ${environment} will take`,
  );
  return unasked(
    `room for ${names.join(' and ')}${names.length > 1 ? ' together' : ''}`,
    free >= wanted,
    `${megabytes(wanted)} free on the disk of ${folders}${told.join('')}`,
    `${megabytes(free)} free`,
  );
}

const pathOf = (folder: string, run: string) => join(folder, `${run}.json`);
const sumOf = (numbers: number[]) => numbers.reduce((sum, one) => sum + one, 0);
