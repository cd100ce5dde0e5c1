import { setTimeout as wait } from 'node:timers/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { readEvidence } from '../../src/lib/evidence.js';
import { withStand, type Stand, type StandSettings } from '../systems/stand.js';
import { readData, type Data } from './data.js';
import { dumpText, firstDifference } from './dump-text.js';
import { follow, type Following } from './follow.js';
import { stories, type Story } from './stories.js';
import { findFaults, type Fault } from './truth.js';

export interface Totals extends Record<Fault['is'], number> {
  runs: number;
  strikes: number;
  /** Strikes that came after the run had ended: the step was shorter than it had been before. */
  late: number;
}

/** A stand, and what is known of it. */
export interface World {
  stand: Stand;
  /** Milliseconds that each step took when it last ran. */
  took: Map<string, number>;
  /** All rows as they were while 1.0.0 ran, and while 2.0.0 did. */
  data: Record<string, Data>;
}

/** What is done to a run in its middle. */
export interface Struck {
  strikes: number;
  late: number;
  /** For people. */
  text: string;
  /** What only the striker can tell, once the run has ended. */
  judge?: (run: string | null) => Promise<Fault[]>;
  /** Whatever became of the run. */
  end?: () => Promise<void>;
}
export type Strike = (world: World, handle: WorkflowHandle, run: Following, story: Story) => Promise<Struck>;

interface Settings {
  /** Until when: told what was done so far. */
  enough: (totals: Totals) => boolean;
  stand?: StandSettings;
  /** The strike at the run of that number, drawn when it begins. */
  strike: (index: number) => Strike;
  say: (line: string) => void;
}

/**
 * Releases the shop forward and back, again and again, and strikes at each run. After each run files, processes, ports and rows are compared with what
 * they have to be; after a fault the next run begins on a stand of its own.
 */
export async function runStories({ enough, stand: settings, strike, say }: Settings): Promise<Totals> {
  const totals: Totals = { runs: 0, strikes: 0, late: 0, lost: 0, duplicated: 0, half: 0 };
  while (!enough(totals)) {
    const use = async (stand: Stand) => {
      const world = await begin(stand, totals.runs % stories.length);
      for (let sound = true; sound && !enough(totals);) {
        const story = storyAt(totals.runs);
        const { strikes, late, text, faults } = await runOne(world, story, strike(totals.runs));
        totals.runs += 1;
        totals.strikes += strikes;
        totals.late += late;
        for (const { is } of faults) totals[is] += 1;
        say(`${String(totals.runs).padStart(3)}  ${story.name.padEnd(26)} ${text}`);
        for (const fault of faults) say(`     ${fault.is}: ${fault.text}`);
        sound = faults.length === 0;
      }
    };
    await withStand(use, settings);
  }
  return totals;
}

export function storyAt(index: number): Story {
  return stories[index % stories.length] as Story;
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

async function runOne(world: World, story: Story, strike: Strike) {
  const { stand, data } = world;
  const version = story.effects[0]?.split(' ')[1] ?? '';
  data[version] = await readData(stand.database.ownerUrl);
  const before = await stand.ledger();
  const whole = await dumpText(stand.database.superuserUrl);
  const startedAt = Date.now();
  const handle = await stand.start(story.kind, story.input);
  const run = follow(handle);
  const { judge, end, text: struck, ...counted } = await strike(world, handle, run, story);
  try {
    const ended = await within(run.ended, 120_000);
    const faults = [
      ...(await findFaults(stand, ended, before, { ...story, ...wanted(world, story) })),
      ...(story.outcome === 'rolled-back' ? await findUnequal(stand, whole) : []),
      ...((await judge?.(ended.run)) ?? []),
    ];
    await learn(world, ended.run);
    if (story.name === stories[0]?.name && faults.length === 0) await order(stand);
    const text = `${struck}: ${faults.length === 0 ? ended.outcome : 'FAULTS'} in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
    return { ...counted, text, faults };
  } catch (error) {
    const faults: Fault[] = [{ is: 'lost', text: String(error) }];
    return { ...counted, text: `${struck}: it did not end`, faults };
  } finally {
    await end?.();
  }
}

/** B3: a release that failed leaves the database as if it had never been, down to the text of its dump. */
async function findUnequal({ database }: Stand, before: string): Promise<Fault[]> {
  const found = firstDifference(before, await dumpText(database.superuserUrl));
  return found.map((text) => ({ is: 'half', text: `the dump: ${text}` }));
}

/** The rows that must be there: after a rollback those of the earlier version, after a release at least all that were. */
function wanted({ data }: World, { outcome, current, effects }: Story): { data: Data; kept?: boolean } {
  if (outcome !== 'deployed') return { data: data[current] ?? {} };
  const { SequelizeMeta: _grows, ...rows } = data[effects[0]?.split(' ')[1] ?? ''] ?? {};
  return { data: rows, kept: true };
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
