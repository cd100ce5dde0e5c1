import { setTimeout as wait } from 'node:timers/promises';
import { withNotes } from '../systems/notes-system.js';
import type { Served } from '../systems/serve.js';
import { withStand, type Ended } from '../systems/stand.js';
import { ask } from './data.js';
import { dumpText, firstDifference } from './dump-text.js';
import { follow, runs } from './follow.js';
import { generator } from './generator.js';

export interface WholeReleases {
  releases: number;
  /** Of these: workers that were killed, runs that people cancelled. */
  killed: number;
  cancelled: number;
  /** What was not as if the release had never been, one line each. */
  unequal: string[];
}
interface Options {
  of: 'postgres' | 'sqlite and files';
  seed: number;
  count: number;
  /** @default the suite's */
  servers?: { temporal: string; postgres: string };
  say: (line: string) => void;
}

const steps = [
  'fetch',
  'backup',
  'stop',
  'standby',
  'switch',
  'migrate',
  'start',
  'verify',
  'undo start',
  // The data is put back.
  'undo migrate',
  'undo switch',
  'undo stop',
  'reopen',
];

/**
 * Releases of a version that spoils the data and fails at verify, each with its worker killed, or cancelled by a person, at a random moment of a random
 * step; then what the stores hold is compared with what it was before: PostgreSQL as the text of its dump and the columns with statistics, SQLite as its
 * dump, files by their content.
 */
export async function runWholeReleases({ of, seed, count, servers, say }: Options): Promise<WholeReleases> {
  const random = generator(seed);
  const result: WholeReleases = { releases: 0, killed: 0, cancelled: 0, unequal: [] };
  const repeat = async (served: Pick<Served, 'start' | 'worker'>, seen: () => Promise<string>) => {
    while (result.releases < count) {
      const before = await seen();
      const { how, text, ended } = await failStruck(served, random);
      result.releases += 1;
      if (how !== 'late') result[how] += 1;
      const faults = [
        ...(ended.current === '2.0.0' ? [] : [`${ended.current} runs, ${ended.outcome}: ${ended.reason}`]),
        ...firstDifference(before, await seen()),
      ];
      result.unequal.push(...faults.map((fault) => `${text}: ${fault}`));
      say(`${result.releases}: ${of}: ${text}: ${ended.outcome} ${faults.join('; ')}`);
    }
  };
  if (of === 'postgres')
    await withStand(
      async (stand) => {
        for (const version of ['1.0.0', '2.0.0']) expect(await stand.go('deploy', { version, by: 'bob' }));
        const { superuserUrl, ownerUrl } = stand.database;
        await ask(ownerUrl, `SELECT setval(pg_get_serial_sequence('orders', 'id'), 4711)`);
        await ask(superuserUrl, 'ANALYZE');
        await repeat(stand, async () => {
          const statistics = await ask<{ n: number }>(
            superuserUrl,
            "SELECT count(*)::int AS n FROM pg_stats WHERE schemaname = 'public'",
          );
          return `${statistics[0]?.n} columns with statistics\n${await dumpText(superuserUrl)}`;
        });
      },
      servers ? { servers } : {},
    );
  else
    await withNotes(async (notes) => {
      expect(await notes.go('deploy', { version: '2.0.0' }));
      for (const text of ['one', 'two', 'three']) await notes.note(text);
      await repeat(notes, async () => notes.shown());
    }, servers?.temporal);
  return result;
}

function expect({ outcome, reason }: Ended): void {
  if (outcome !== 'deployed') throw new Error(`it ended ${outcome}: ${reason}`);
}

/** 3.0.0, struck once on its way. */
async function failStruck({ start, worker }: Pick<Served, 'start' | 'worker'>, random: () => number) {
  const step = steps[Math.floor(random() * steps.length)] ?? '';
  const [delayMs, kills] = [Math.floor(random() * 400), random() < 0.7];
  const handle = await start('deploy', { version: '3.0.0', by: 'bob' });
  const run = follow(handle);
  let over = false;
  const ended = run.ended.finally(() => (over = true));
  ended.catch(() => undefined);
  const [undo, name] = [step.startsWith('undo '), step.replace('undo ', '')];
  while (!over && !(await runs(handle, name, undo))) await wait(5);
  await wait(delayMs);
  const how = over ? 'late' : kills ? 'killed' : 'cancelled';
  if (how === 'cancelled') await handle.cancel();
  if (how === 'killed') {
    await worker.kill();
    await worker.restart();
  }
  return { how, text: `${how} ${delayMs} ms after ${step} began`, ended: await ended } as const;
}
