import { mortal, strike, type Strike } from './struck-calls.js';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backup } from '../../src/activities/backup.js';
import { stores } from '../../src/activities/data/lookup.js';
import { choose, putBack } from '../../src/activities/decision.js';
import { listKept } from '../../src/activities/keeping/list.js';
import { latestBackup } from '../../src/activities/keeping/latest.js';
import { backupFolder, copyOf } from '../../src/activities/keeping/places.js';
import { prune } from '../../src/activities/keeping/prune.js';
import { readStandby } from '../../src/activities/records.js';
import { standby } from '../../src/activities/release-steps.js';
import type { Step } from '../../src/activities/step.js';
import { appendEvidence } from '../../src/lib/evidence.js';
import { rootMessage } from '../../src/errors.js';
import { sha256File } from '../../src/lib/files.js';
import { appendHistory } from '../../src/lib/history.js';
import { claim } from '../../src/lib/journal.js';
import type { Choice } from '../../src/model.js';
import { deployed, releaseOf } from '../activities/keeping/deployed.js';
import { definitionOf, stepContext } from '../activities/step-context.js';
import { makeLive, type Live } from './corrupted-live.js';
import { generator } from './generator.js';

export const acts = ['backup', 'standby', 'put back the copies', 'put back the backup', 'prune'] as const;
export type ActName = (typeof acts)[number];

/** As many calls each has at least. */
const fewest: Record<ActName, number> = {
  backup: 60,
  standby: 25,
  'put back the copies': 25,
  'put back the backup': 50,
  prune: 12,
};

export interface DataCalls {
  /** Kills, and disks that were full. */
  strikes: number;
  /** How many calls that change something the act has. */
  calls: number;
  faults: string[];
}

/**
 * One act on a SQLite file with a log that its application left, and on a tree of files, by a worker that is killed between two of its calls, or in the
 * middle of one, or on a disk that is full from that call on; then once more. In between each store is whole, all of before or all of after, and a full
 * disk is told with a path; in the end the act is done, and nothing of the first attempt is left. `count`: that many, drawn by `seed`, one after the
 * other on the same data; without it at every call.
 */
export async function runDataCalls(options: {
  of: ActName;
  seed: number;
  count?: number;
  say: (line: string) => void;
}): Promise<DataCalls> {
  const { of, seed, count, say } = options;
  const random = generator(seed);
  const at = (call: number, how: Strike['how']) => ({ call, how, afterMs: Math.floor(random() * 60) });
  const hows = ['before', 'within', 'full'] as const;
  const result: DataCalls = { strikes: 0, calls: 0, faults: [] };
  const tell = async (strikes: Strike[]) => {
    const { told, came, calls, faults } = await tryStrikes(of, strikes);
    result.strikes += came;
    result.calls = Math.max(result.calls, calls);
    result.faults.push(...faults.map((fault) => `${of}: ${told}: ${fault}`));
    for (const fault of faults) say(`${of}: ${told}: ${fault}`);
  };
  if (count !== undefined) {
    const some = Array.from({ length: count }, () => at(Math.floor(random() * fewest[of]), hows[Math.floor(random() * 3)]!)); // prettier-ignore
    await tell(some);
    return result;
  }
  await tell([]);
  for (let call = 0; call < result.calls; call += 1) for (const how of hows) await tell([at(call, how)]);
  return result;
}

interface World {
  live: Live;
  /** Of both stores, while r1 was released, and after what r1 did. */
  before: string[];
  after: string[];
  identity: string;
}

/** What an act begins from, what it does, also a second time, and what has to be so afterwards. */
interface Act {
  prepare: (world: World) => Promise<void>;
  act: (world: World) => Promise<unknown>;
  faults: (world: World) => Promise<string[]>;
}

async function tryStrikes(of: ActName, strikes: Strike[]) {
  const live = await makeLive('sqlite and files');
  const result = { told: '', came: 0, calls: 0, faults: [] as string[] };
  try {
    const world = await makeWorld(live);
    const { prepare, act, faults } = actOf(of);
    await prepare(world);
    world.after = shownBy(live);
    for (const where of [...strikes, { call: Infinity, how: 'before' as const }]) {
      const { came, made, error } = await strike(where, () => act(world));
      result.came += Number(came);
      result.calls = Math.max(result.calls, made.length);
      if (!came) break;
      result.told += `${result.told && ', then '}${where.how} call ${where.call + 1}, ${made[where.call]}`;
      result.faults.push(...wholeness(world), ...untold(error, live.folder));
    }
    result.faults.push(...(await faults(world)), ...leftovers(live.folder));
  } catch (error) {
    result.faults.push(`the next worker: ${error instanceof Error ? error.stack : rootMessage(error)}`);
  } finally {
    await live.close();
  }
  return result;
}

/** A full disk that hindered the act is called so, with a path. */
function untold(error: unknown, folder: string): string[] {
  if (error === undefined) return [];
  const text = rootMessage(error);
  return /no space left on device|no room/i.test(text) && text.includes(folder)
    ? []
    : [`a full disk is told as: ${text}`];
}

let key: string | undefined;
async function makeWorld(live: Live): Promise<World> {
  const identity = join(live.folder, 'key.txt');
  await writeFile(identity, (key ??= execFileSync('age-keygen', { encoding: 'utf8', stdio: 'pipe' })));
  await mkdir(join(live.folder, 'second'));
  leaveLog(live);
  return { live, identity, before: shownBy(live), after: [] };
}

function actOf(name: ActName): Act {
  const release = async (world: World) => {
    await backup(stepOf(world, 'r1', 'backup'));
    await appendHistory(world.live.folder, deployed('r0', null));
    await appendHistory(world.live.folder, deployed('r1', 'r0'));
  };
  /** What people agreed to. */
  let choice: Choice | undefined;
  const leave = async (world: World) => {
    await world.live.change();
    leaveLog(world.live);
    const step = stepOf(world, 'r2', 'rollback');
    const { run } = step;
    const who = { run: run.id, kind: run.kind, environment: run.environment, namespace: 'n', workflowRunId: 'w' };
    await claim(step.home, who, step.at);
    await mkdir(join(step.folder, 'commands', 'migrate-1-db'), { recursive: true });
    choice = await choose(step);
  };
  const back: Pick<Act, 'act' | 'faults'> = {
    act: (world) => putBack(stepOf(world, 'r2', 'data'), choice!),
    faults: async (world) => {
      const kept = (await keptOf(world)).filter(({ is }) => is !== 'replaced');
      return [...differ('the data', shownBy(world.live), world.before), ...kept.map(({ is, name }) => `${is} ${name}`)];
    },
  };
  let due: string[] = [];
  return {
    backup: {
      prepare: async () => undefined,
      act: (world: World) => backup(stepOf(world, 'r1', 'backup')),
      faults: async (world: World) => [...untouched(world), ...(await unwholeBackup(world))],
    },
    standby: {
      prepare: async () => undefined,
      act: (world: World) => standby(stepOf(world, 'r1', 'standby')),
      faults: async (world: World) => [...untouched(world), ...(await unwholeCopies(world))],
    },
    'put back the copies': {
      prepare: async (world: World) => {
        await release(world);
        await standby(stepOf(world, 'r1', 'standby'));
        await leave(world);
      },
      ...back,
    },
    'put back the backup': {
      prepare: async (world: World) => {
        await release(world);
        await leave(world);
      },
      ...back,
    },
    prune: {
      prepare: async (world: World) => {
        for (const id of ['r0', 'r1']) {
          const step = stepOf(world, id, 'backup');
          await backup(step);
          await standby(stepOf(world, id, 'standby'));
          for (const entry of ['resolve', 'end'])
            await appendEvidence(step.folder, { id: entry, kind: entry, data: {} });
        }
        const { listed } = await listKept(stepOf(world, 'look', 'backup'));
        due = listed.flatMap(({ thing }) => (thing.stays === null ? [thing.name] : []));
      },
      act: (world: World) => prune(stepOf(world, 'look', 'backup'), due, 'ann'),
      faults: async (world: World) => {
        const { listed } = await listKept(stepOf(world, 'look', 'backup'));
        const kept = listed.map(({ thing }) => `${thing.is} ${thing.run}`).sort();
        const wanted = ['backup r1', 'copy r1', 'standby r1', 'standby r1'];
        return [...untouched(world), ...differ('what is kept', kept, wanted)];
      },
    },
  }[name];
}

const untouched = ({ live, after }: World) => differ('the live data', shownBy(live), after);

/** Each store by itself is all of one moment; which one, only the act's end says. */
function wholeness({ live, before, after }: World): string[] {
  const now = shownBy(live);
  return now.flatMap((one, store) =>
    one === before[store] || one === after[store] ? [] : [`in between ${store === 0 ? 'app.db' : 'uploads'} is ${one}`],
  );
}

async function unwholeBackup(world: World): Promise<string[]> {
  const step = stepOf(world, 'r1', 'backup');
  const found = await latestBackup(step);
  if (!found?.proven || !found.whole || found.copies.length !== 1) return [`the backup is ${JSON.stringify(found)}`];
  const folder = backupFolder(step, 'r1');
  const names = [...found.manifest.stores.map(({ file }) => file), 'how-to-open.md', 'manifest.json'].sort();
  const faults: string[] = [];
  for (const place of [folder, copyOf(step, folder)!]) {
    faults.push(...differ(`what lies in ${place}`, (await readdir(place)).sort(), names));
    for (const { file, sha256 } of found.manifest.stores)
      if ((await sha256File(join(place, file))) !== sha256) faults.push(`${file} in ${place} is another one`);
  }
  return faults;
}

async function unwholeCopies(world: World): Promise<string[]> {
  const step = stepOf(world, 'r1', 'standby');
  const records = (await readStandby(step.folder)) ?? [];
  const kept = await keptOf(world);
  const shown = shownAt(records.map(({ copy }) => copy));
  return [
    ...differ('the copies', shown, world.before),
    ...differ('what stands beside', kept.map(({ is, name }) => `${is} ${name}`).sort(), records.map(({ copy }) => `standby ${copy}`).sort()), // prettier-ignore
  ];
}

async function keptOf(world: World) {
  const step = stepOf(world, 'r2', 'data');
  return (await Promise.all(stores(step.definition).map((store) => store.kept(step)))).flat();
}

function differ(what: string, found: string[], wanted: string[]): string[] {
  return JSON.stringify(found) === JSON.stringify(wanted)
    ? []
    : [`${what}: ${found.join('\n')}, not ${wanted.join('\n')}`];
}

/** Files that nobody finished, plain content, and parts of a copy that is gone. What tells by its name which process it is of goes with the next worker. */
function leftovers(folder: string): string[] {
  const all = execFileSync('find', ['.', '-type', 'f'], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  return all
    .filter(
      (path) =>
        /\.part$|\/plain\//.test(path) ||
        (/\.slipway\/.*\.json$/.test(path) && !existsSync(join(folder, path.replace(/\.json$/, '')))),
    )
    .filter((path) => !/\/(looked\/|\.tmp-)[^/]*$/.test(path))
    .map((path) => `${path} is left`);
}

/** Rows that stand in the log alone, as of an application that was killed. */
function leaveLog({ directory }: Live): void {
  const script = `import os, sqlite3; c = sqlite3.connect("app.db", isolation_level=None); c.execute("PRAGMA journal_mode = WAL")
c.execute("PRAGMA wal_autocheckpoint = 0"); c.execute("INSERT INTO orders (text) VALUES (hex(randomblob(9)))"); os._exit(0)`;
  execFileSync('python3', ['-c', script], { cwd: directory });
}

function shownBy({ directory }: Live): string[] {
  return shownAt(['app.db', 'uploads'].map((name) => join(directory, name)));
}

/** All that each holds, and whether SQLite finds it sound; looked at in a copy, since whoever opens a SQLite file plays its log in. */
function shownAt(paths: string[]): string[] {
  const script = `import hashlib, os, shutil, sqlite3, sys, tempfile
for path in sys.argv[1:]:
    told = []
    for folder, _, files in sorted(os.walk(path)):
        for name in sorted(files):
            told.append(os.path.relpath(os.path.join(folder, name), path) + " " + hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest())
    if os.path.isfile(path):
        with tempfile.TemporaryDirectory() as scratch:
            for part in ["", "-wal", "-journal"]:
                if os.path.exists(path + part): shutil.copy(path + part, scratch + "/x.db" + part)
            c = sqlite3.connect(scratch + "/x.db")
            told = [c.execute("PRAGMA integrity_check").fetchone()[0], *c.iterdump()]
    print(hashlib.sha256("\\n".join(told).encode()).hexdigest()[:12], len(told), told[:1])`;
  return execFileSync('python3', ['-c', script, ...paths], { encoding: 'utf8' })
    .trim()
    .split('\n');
}

function stepOf({ live, identity }: World, id: string, step: Step['at']['step']): Step {
  const recipient = /public key: (\S+)/.exec(readFileSync(identity, 'utf8'))?.[1] ?? '';
  const kept = { copy_to: join(live.folder, 'second'), encrypt: { recipients: [recipient], identity }, keep: { count: 1 } }; // prettier-ignore
  const definition = definitionOf(live.directory, { ...live.parts, backup: kept });
  const folder = join(live.folder, 'runs', id);
  const context = mortal(stepContext({ definition, folder, home: live.folder, at: { step } }));
  const pinned = { live: null, definition, before: {}, targets: {}, plan: { pending: { shop: ['20260101-change'] } } } as unknown as Step['pinned']; // prettier-ignore
  const rollback = { kind: 'rollback' as const, version: releaseOf('r0'), previous: releaseOf('r1') };
  return { ...context, run: { ...context.run, id, ...(id === 'r2' ? rollback : {}) }, pinned };
}
