import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { readEvidence } from '../../src/lib/evidence.js';
import type { Kind, Outcome, StepName } from '../../src/model.js';
import { withStand, type Stand, type StandSettings } from '../systems/stand.js';
import { readData, type Data } from './data.js';
import { follow, runs } from './follow.js';
import { generator } from './generator.js';
import { findFaults, type Fault } from './truth.js';

export interface Kills {
  /** Decides every moment; the same seed draws the same ones. @default a new one */
  seed?: number;
  /** Runs, each with one kill or, one in four, a second one while it recovers. @default 40 */
  count?: number;
  servers?: StandSettings['servers'];
  say: (line: string) => void;
}
export interface Totals {
  seed: number;
  runs: number;
  kills: number;
  /** Kills that came after the run had ended. */
  late: number;
  lost: number;
  duplicated: number;
  half: number;
}

/** What one run is, and what it must come to. */
interface Story {
  kind: Kind;
  input: object;
  outcome: Outcome;
  current: string;
  effects: string[];
  /** Steps to be killed in; `undo start` is the undo of one. */
  steps: string[];
}
/** A kill: that long after the step began, as a part of what the step takes; then perhaps another one, so long after the new worker serves. */
interface Moment {
  step: string;
  part: number;
  againMs?: number;
}

const forward = ['preflight', 'go', 'fetch', 'backup', 'stop', 'standby', 'switch', 'migrate', 'start', 'verify'];
const stories: Story[] = [
  {
    kind: 'deploy', input: { version: '2.0.0', by: 'bob', change: 'compatible' }, outcome: 'deployed', current: '2.0.0',
    effects: ['stop 1.0.0', 'start 2.0.0', 'open 2.0.0'], steps: [...forward, 'open', 'watch', 'record'],
  },
  {
    kind: 'deploy', input: { version: '3.0.0', by: 'bob' }, outcome: 'rolled-back', current: '2.0.0',
    effects: ['stop 2.0.0', 'start 3.0.0', 'stop 3.0.0', 'start 2.0.0', 'open 2.0.0'],
    steps: [...forward, 'undo start', 'undo migrate', 'undo switch', 'undo stop', 'undo start', 'undo migrate', 'undo switch', 'undo stop', 'reopen', 'record'],
  },
  {
    kind: 'rollback', input: { by: 'bob' }, outcome: 'done', current: '1.0.0', effects: ['stop 2.0.0', 'start 1.0.0', 'open 1.0.0'],
    steps: ['preflight', 'rollback', 'fetch', 'backup', 'stop', 'standby', 'data', 'switch', 'start', 'verify', 'open', 'record'],
  },
];

/**
 * Releases the shop forward and back, again and again, and kills the worker at random moments: 2.0.0 over 1.0.0, the failing 3.0.0 over
 * 2.0.0, and the rollback to 1.0.0. After each run files, processes, ports and rows are compared with what they have to be.
 */
export async function runKills({ seed = randomInt(2 ** 31), count = 40, servers, say }: Kills): Promise<Totals> {
  const random = generator(seed);
  const totals: Totals = { seed, runs: 0, kills: 0, late: 0, lost: 0, duplicated: 0, half: 0 };
  const drawn = Array.from({ length: count }, (_, index) => draw(random, stories[index % stories.length] as Story));
  say(`seed ${seed}: ${count} runs`);
  // What a fault leaves behind must not be counted again: after one, the next run begins on a stand of its own.
  while (totals.runs < count) {
    await withStand(async (stand) => {
      const took = new Map<string, number>();
      const first = await stand.go('deploy', { version: '1.0.0', by: 'bob' });
      await learn(stand, first.run, took);
      const kept: Data[] = [];
      for (let sound = true; sound && totals.runs < count; ) {
        const begins = totals.runs % stories.length;
        if (begins > kept.length) await bringTo(stand, begins, kept);
        sound = await round(stand, stories[begins] as Story, drawn[totals.runs] as Moment, kept, took, totals, say);
      }
    }, { ...(servers ? { servers } : {}) });
  }
  say(`seed ${seed}: ${totals.runs} runs, ${totals.kills} kills (${totals.late} after the end): ${totals.lost} lost, ${totals.duplicated} duplicated, ${totals.half} half effects`);
  return totals;
}
