import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backup } from '../../src/activities/backup.js';
import { choose, putBack } from '../../src/activities/decision.js';
import { stores } from '../../src/activities/data/lookup.js';
import { findWhole } from '../../src/activities/data/stored-file.js';
import { findManifest } from '../../src/activities/keeping/manifest.js';
import { backupFolder, copyOf } from '../../src/activities/keeping/places.js';
import type { Step } from '../../src/activities/step.js';
import { failureType } from '../../src/errors.js';
import { appendHistory } from '../../src/lib/history.js';
import type { Choice } from '../../src/model.js';
import { deployed, releaseOf } from '../activities/keeping/deployed.js';
import { definitionOf, stepContext } from '../activities/step-context.js';
import { makeLive, type Kind, type Live } from './corrupted-live.js';
import { generator } from './generator.js';

export interface Corruptions {
  runs: number;
  /** Of these: damages that left each file whole in one of two places, which serves. */
  served: number;
  /** By kind: how many were tried. */
  kinds: Record<string, number>;
  faults: string[];
}

type Random = () => number;
const below = (random: Random, count: number) => Math.floor(random() * count);

/** What may become of a file; `other` is the same file of another backup. */
const kinds: Record<string, (bytes: Buffer, random: Random, other: Buffer) => Buffer | undefined> = {
  flip: (bytes, random) => {
    const changed = Buffer.from(bytes);
    for (let times = 1 + below(random, 3); times > 0; times -= 1) {
      const at = below(random, changed.length);
      changed[at] = changed[at]! ^ (1 << below(random, 8));
    }
    return changed;
  },
  cut: (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
  grow: (bytes, random) => Buffer.concat([bytes, Buffer.alloc(1 + below(random, 4096), below(random, 256))]),
  hole: (bytes, random) => {
    const at = below(random, bytes.length);
    return Buffer.from(bytes).fill(0, at, Math.min(bytes.length, at + 1 + below(random, 4096)));
  },
  turn: (bytes, random) => {
    const at = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
  },
  remove: () => undefined,
  swap: (_bytes, _random, other) => other,
};

/**
 * A backup that is the only way back, damaged: a store's file, the manifest, or all replaced by another backup's. It has to be refused at the gate, and once
 * more by whoever would put it back; the live data, and what stands beside it, is as before. With a second place both are damaged, each in its own way;
 * where only one is, or each in another file, the gate must find what is whole.
 */
export async function runCorruptions(options: {
  seed: number;
  count: number;
  of: Kind;
  superuser?: string;
  say: (line: string) => void;
}): Promise<Corruptions> {
  const random = generator(options.seed);
  const result: Corruptions = { runs: 0, served: 0, kinds: {}, faults: [] };
  const live = await makeLive(options.of, options.superuser);
  try {
    const world = await makeWorld(live);
    for (let turn = 0; turn < options.count; turn += 1) {
      const { what, serves } = await damage(world, random, turn % 4 === 3);
      const problem = await (serves ? whyNotServed(world) : problemOf(world));
      result.served += Number(serves);
      await restoreFiles(world);
      result.runs += 1;
      result.kinds[what] = (result.kinds[what] ?? 0) + 1;
      if (problem) result.faults.push(`${turn + 1}: ${what}: ${problem}`);
      if (problem || (turn + 1) % 100 === 0)
        options.say(`${turn + 1}: ${problem ? `${what}: ${problem}` : 'all as it has to be'}`);
    }
    // Nobody is helped by a store that refuses what is whole, in one place or with the help of the other one.
    for (const [at, { paths }] of Object.values(world.files).entries()) if (paths.length > 1) await rm(paths[at % 2]!);
    const whole = await putBack(world.step, await choose(world.step)).catch((error: unknown) => String(error));
    if (typeof whole === 'string') result.faults.push(`the undamaged backup: ${whole}`);
    else if ((await live.shown()) !== world.before) result.faults.push('the undamaged backup brought other rows back');
    return result;
  } finally {
    await live.close();
  }
}

interface World {
  live: Live;
  /** Of a rollback whose only way is the backup. */
  step: Step;
  choice: Choice;
  /** Paths of the manifest and of each store's file, of the backup and of another one. */
  files: Record<string, { paths: string[]; bytes: Buffer; other: Buffer }>;
  before: string;
  changed: string;
}

async function makeWorld(live: Live): Promise<World> {
  const [one, other] = [stepOf(live, 'r1'), stepOf(live, 'r0')];
  await backup(other);
  await live.grow();
  const before = await live.shown();
  await backup(one);
  await appendHistory(live.folder, deployed('r0', null));
  await appendHistory(live.folder, deployed('r1', 'r0'));
  await live.change();
  const run = {
    ...one.run,
    id: 'r2',
    kind: 'rollback' as const,
    version: releaseOf('r0'),
    previous: releaseOf('r1'),
  };
  const step: Step = { ...stepOf(live, 'r2'), run, at: { step: 'rollback', undo: false, try: 1 } };
  // Whether data comes back is decided by revisions, or where the release may have changed it all the same.
  await mkdir(join(step.folder, 'commands', 'migrate-1-db'), { recursive: true });
  const folder = backupFolder(one, 'r1');
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as { stores: { file: string }[] };
  const files: World['files'] = {};
  for (const name of ['manifest.json', ...manifest.stores.map(({ file }) => file)]) {
    const paths = [folder, copyOf(one, folder)].flatMap((place) => (place ? [join(place, name)] : []));
    const other = await readFile(join(backupFolder(one, 'r0'), name));
    files[name] = { paths, bytes: await readFile(paths[0]!), other };
  }
  return { live, step, choice: await choose(step), files, before, changed: await live.shown() };
}

/** `once`: not in both places. `serves`: each file is still whole in one of its places. */
async function damage({ files }: World, random: Random, once: boolean): Promise<{ what: string; serves: boolean }> {
  const kind = Object.keys(kinds)[below(random, Object.keys(kinds).length)]!;
  const names = Object.keys(files);
  const which = names[below(random, names.length)]!;
  // A whole backup in the folder of another is as wrong as half of one.
  const all = kind === 'swap' && random() < 0.3;
  const places = files[which]!.paths.length;
  const serves = places > 1 && once;
  const other = names.find((name) => name !== which)!;
  // In the one place one file and in the other another one, so that neither place is whole.
  const harmed = serves ? [[which], random() < 0.5 ? [other] : []] : Array(places).fill(all ? names : [which]);
  for (const [place, some] of (harmed as string[][]).entries())
    for (const name of some) await harm(files[name]!, place, kinds[kind]!, random);
  return { what: `${kind} of ${serves ? harmed.join(' here, there ') : all ? 'all' : which}`, serves };
}

async function harm(
  { paths, bytes, other }: World['files'][string],
  place: number,
  change: (typeof kinds)[string],
  random: Random,
): Promise<void> {
  const changed = change(bytes, random, other);
  if (changed?.equals(bytes)) return harm({ paths, bytes, other }, place, change, random);
  if (changed) await writeFile(paths[place]!, changed);
  else await rm(paths[place]!);
}

/** undefined where it was refused twice, and nothing was touched. */
async function problemOf({ live, step, choice, changed }: World): Promise<string | undefined> {
  const acts = {
    'at the gate': () => choose(step),
    'when putting back': () => putBack({ ...step, at: { ...step.at, step: 'data' } }, choice),
  };
  for (const [when, act] of Object.entries(acts)) {
    const error: unknown = await act().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    // Without its manifest the choice itself is another one than people agreed to.
    if (!['BackupUnusable', 'DataRefused'].includes(failureType(error) ?? ''))
      return `${when} not refused: ${error instanceof Error ? error.message : 'accepted'}`;
  }
  const beside = (await Promise.all(stores(step.definition).map((store) => store.kept(step)))).flat();
  if (beside.length > 0) return `left: ${beside.map(({ name }) => name).join(', ')}`;
  return (await live.shown()) === changed ? undefined : 'the live data is another one';
}

/** undefined where people may go on, and each file is found whole where it is so. */
async function whyNotServed({ step, live, changed }: World): Promise<string | undefined> {
  try {
    await choose(step);
    const folder = backupFolder(step, 'r1');
    for (const stored of (await findManifest(step, 'r1'))?.stores ?? []) await findWhole(step, folder, stored);
  } catch (error) {
    return `refused, though nothing is lost: ${error instanceof Error ? error.message : String(error)}`;
  }
  return (await live.shown()) === changed ? undefined : 'the live data is another one';
}

async function restoreFiles({ files }: World): Promise<void> {
  for (const { paths, bytes } of Object.values(files))
    for (const path of paths) await writeFile(path, bytes, { mode: 0o600 });
}

function stepOf(live: Live, id: string): Step {
  const definition = definitionOf(live.directory, live.parts);
  const folder = join(live.folder, 'runs', id);
  const context = stepContext({ definition, folder, home: live.folder, ...(live.env ? { env: live.env } : {}) });
  const pinned = {
    targets: {},
    live: null,
    definition,
    plan: { pending: { shop: ['20260101-change'] } },
  } as unknown as Step['pinned'];
  return { ...context, run: { ...context.run, id }, pinned };
}
