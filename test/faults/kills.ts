import { setTimeout as wait } from 'node:timers/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { readEvidence } from '../../src/lib/evidence.js';
import { withStand, type Stand, type StandSettings } from '../systems/stand.js';
import { readData, type Data } from './data.js';
import { follow, runs, type Following } from './follow.js';
import { generator } from './generator.js';
import { stories, type Story } from './stories.js';
import { findFaults, type Fault } from './truth.js';

export interface Kills {
  /** Decides every moment: the same seed draws the same ones. */
  seed: number;
  /** Runs, each with one kill and one in four with a second one while it recovers. */
  count: number;
  servers?: StandSettings['servers'];
  say: (line: string) => void;
}
export interface Totals extends Record<Fault['is'], number> {
  runs: number;
  kills: number;
  /** Kills that came after the run had ended: the step was shorter than it had been before. */
  late: number;
}

/** A kill, that part of the step's usual time after it began; then perhaps another, so long after the new worker serves. */
interface Moment {
  step: string;
  part: number;
  againMs?: number;
}
/** A stand, and what is known of it. */
interface World {
  stand: Stand;
  /** Milliseconds that each step took when it last ran. */
  took: Map<string, number>;
  /** All rows as they were while 1.0.0 ran, and while 2.0.0 did. */
  data: Record<string, Data>;
}

/**
 * Releases the shop forward and back, again and again, and kills the worker at random moments. After each run files, processes, ports
 * and rows are compared with what they have to be; after a fault the next run begins on a stand of its own.
 */
export async function runKills({ seed, count, servers, say }: Kills): Promise<Totals> {
  const random = generator(seed);
  const drawn = Array.from({ length: count }, (_, index) => ({
    story: storyAt(index),
    moment: draw(random, storyAt(index)),
  }));
  const totals: Totals = { runs: 0, kills: 0, late: 0, lost: 0, duplicated: 0, half: 0 };
  while (totals.runs < count) {
    const use = async (stand: Stand) => {
      const world = await begin(stand, totals.runs % stories.length);
      for (let sound = true; sound && totals.runs < count;) {
        const { story, moment } = drawn[totals.runs] as (typeof drawn)[number];
        const { kills, late, text, faults } = await runOne(world, story, moment);
        totals.runs += 1;
        totals.kills += kills;
        totals.late += late;
        for (const { is } of faults) totals[is] += 1;
        say(`${String(totals.runs).padStart(3)}  ${story.name.padEnd(26)} ${text}`);
        for (const fault of faults) say(`     ${fault.is}: ${fault.text}`);
        sound = faults.length === 0;
      }
    };
    await withStand(use, servers ? { servers } : {});
  }
  return totals;
}

function storyAt(index: number): Story {
  return stories[index % stories.length] as Story;
}

function draw(random: () => number, { steps }: Story): Moment {
  const step = steps[Math.floor(random() * steps.length)] as string;
  const [part, again, againMs] = [random(), random(), Math.floor(random() * 8_000)];
  return { step, part, ...(again < 0.25 ? { againMs } : {}) };
}

/** 1.0.0, and 2.0.0 where the next story begins from there. */
async function begin(stand: Stand, next: number): Promise<World> {
  const world: World = { stand, took: new Map(), data: {} };
  await learn(world, (await stand.go('deploy', { version: '1.0.0', by: 'bob' })).run);
  if (next > 0) {
    world.data['1.0.0'] = await readData(stand.database.ownerUrl);
    await stand.go('deploy', (stories[0] as Story).input);
    await order(stand);
  }
  return world;
}

async function runOne(world: World, story: Story, moment: Moment) {
  const { stand, data } = world;
  const version = story.effects[0]?.split(' ')[1] ?? '';
  data[version] = await readData(stand.database.ownerUrl);
  const before = await stand.ledger();
  const startedAt = Date.now();
  const handle = await stand.start(story.kind, story.input);
  const run = follow(handle);
  const struck = await strike(world, handle, run, moment);
  const took = `${moment.step} at ${Math.round(moment.part * 100)} %${moment.againMs === undefined ? '' : ` and ${moment.againMs} ms later`}`;
  try {
    const ended = await within(run.ended, 120_000);
    const faults = await findFaults(stand, ended, before, { ...story, ...wanted(world, story) });
    await learn(world, ended.run);
    if (story.name === stories[0]?.name && faults.length === 0) await order(stand);
    const text = `killed in ${took}: ${faults.length === 0 ? ended.outcome : 'FAULTS'} in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
    return { ...struck, text, faults };
  } catch (error) {
    return {
      ...struck,
      text: `killed in ${took}: it did not end`,
      faults: [{ is: 'lost', text: String(error) } satisfies Fault],
    };
  }
}

/** The rows that must be there: after a rollback those of the earlier version, after a release at least all that were. */
function wanted({ data }: World, { outcome, current, effects }: Story): { data: Data; kept?: boolean } {
  if (outcome !== 'deployed') return { data: data[current] ?? {} };
  const { SequelizeMeta: _grows, ...rows } = data[effects[0]?.split(' ')[1] ?? ''] ?? {};
  return { data: rows, kept: true };
}

async function strike(
  world: World,
  handle: WorkflowHandle,
  run: Following,
  moment: Moment,
): Promise<{ kills: number; late: number }> {
  const { worker } = world.stand;
  const undo = moment.step.startsWith('undo ');
  const step = moment.step.replace('undo ', '');
  let over = false;
  const settled = run.ended.then(
    () => (over = true),
    () => (over = true),
  );
  while (!over && !(await runs(handle, step, undo))) await wait(3);
  await Promise.race([settled, wait(moment.part * (world.took.get(moment.step) ?? 300))]);
  const late = over ? 1 : 0;
  await worker.kill();
  await worker.restart();
  if (moment.againMs === undefined) return { kills: 1, late };
  await Promise.race([settled, wait(moment.againMs)]);
  const later = over ? 1 : 0;
  await worker.kill();
  await worker.restart();
  return { kills: 2, late: late + later };
}

/** How long each step of that run took, by its evidence, to aim by. */
async function learn({ stand, took }: World, run: string | null): Promise<void> {
  for (const { kind, at, data } of await readEvidence(join(stand.home, 'runs', run ?? ''))) {
    if (kind !== 'step') continue;
    const { step, undo, startedAt } = data as { step: string; undo: boolean; startedAt: string };
    // A killed step's last try tells, too, how long it takes.
    took.set(`${undo ? 'undo ' : ''}${step}`, Math.max(20, Date.parse(at) - Date.parse(startedAt)));
  }
}

/** Users write between releases. */
async function order({ shop }: Stand): Promise<void> {
  const headers = { authorization: `Bearer ${shop.token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ customer: 1, item: 'Teapot', total_cents: 1999 });
  const { status } = await fetch(`${shop.url}/orders`, { method: 'POST', headers, body });
  if (status !== 201) throw new Error(`the shop answered an order with ${status}`);
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  const over = new AbortController();
  const late = wait(ms, undefined, { signal: over.signal }).then(() => {
    throw new Error(`it did not end within ${ms / 1000} s`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    void late.catch(() => undefined);
    over.abort();
  }
}
