import { setTimeout as wait } from 'node:timers/promises';
import type { StandSettings } from '../systems/stand.js';
import { runs } from './follow.js';
import { generator } from './generator.js';
import type { Story } from './stories.js';
import { runStories, storyAt, type Strike, type Totals } from './story-runs.js';

export interface Kills {
  /** Decides every moment: the same seed draws the same ones. */
  seed: number;
  /** Runs, each with one kill and one in four with a second one while it recovers. */
  count: number;
  servers?: StandSettings['servers'];
  say: (line: string) => void;
}

/** A kill, that part of the step's usual time after it began; then perhaps another, so long after the new worker serves. */
interface Moment {
  step: string;
  part: number;
  againMs?: number;
}

/** Kills the worker at random moments of releases forward and back. */
export async function runKills({ seed, count, servers, say }: Kills): Promise<Totals> {
  const random = generator(seed);
  const moments = Array.from({ length: count }, (_, index) => draw(random, storyAt(index)));
  return runStories({
    enough: (totals) => totals.runs >= count,
    strike: (index) => killAt(moments[index] as Moment),
    ...(servers ? { stand: { servers } } : {}),
    say,
  });
}

function draw(random: () => number, { steps }: Story): Moment {
  const step = steps[Math.floor(random() * steps.length)] as string;
  const [part, again, againMs] = [random(), random(), Math.floor(random() * 8_000)];
  return { step, part, ...(again < 0.25 ? { againMs } : {}) };
}

function killAt(moment: Moment): Strike {
  return async ({ stand: { worker }, took }, handle, run) => {
    const text = `killed in ${moment.step} at ${Math.round(moment.part * 100)} %${moment.againMs === undefined ? '' : ` and ${moment.againMs} ms later`}`;
    const undo = moment.step.startsWith('undo ');
    const step = moment.step.replace('undo ', '');
    let over = false;
    const settled = run.ended.then(
      () => (over = true),
      () => (over = true),
    );
    while (!over && !(await runs(handle, step, undo))) await wait(3);
    await Promise.race([settled, wait(moment.part * (took.get(moment.step) ?? 300))]);
    const late = over ? 1 : 0;
    await worker.kill();
    await worker.restart();
    if (moment.againMs === undefined) return { strikes: 1, late, text };
    await Promise.race([settled, wait(moment.againMs)]);
    const later = over ? 1 : 0;
    await worker.kill();
    await worker.restart();
    return { strikes: 2, late: late + later, text };
  };
}
