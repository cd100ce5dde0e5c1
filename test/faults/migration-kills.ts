import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { stores } from '../../src/activities/data/lookup.js';
import { migrationTool } from '../../src/activities/migrations/lookup.js';
import { writeStandby } from '../../src/activities/records.js';
import { failureType, rootMessage } from '../../src/errors.js';
import type { TestStep } from '../activities/step-context.js';
import { killable, points, type Killable, type Kind } from './killable-migrations.js';
import { generator } from './generator.js';

export interface MigrationKills {
  /** Kills after which the database was where it had been, where it was to be, or between. */
  before: number;
  between: number;
  after: number;
  /** What was told wrongly, done blindly, or not brought back; one line each. */
  faults: string[];
}

/**
 * Migrations that are killed at a chosen statement, alone or with what would have noted their end. What is told of the database must be what an
 * independent look finds; between two revisions a retry must do nothing, and the copy swapped in must bring back what was.
 */
export async function runMigrationKills(options: {
  kind: Kind;
  modules: string;
  seed: number;
  /** So many points, chosen by the seed; all of them, in turn, where there are more. */
  count: number;
  superuser?: string;
  say: (line: string) => void;
}): Promise<MigrationKills> {
  const random = generator(options.seed);
  const all = shuffled([...points], random);
  const result: MigrationKills = { before: 0, between: 0, after: 0, faults: [] };
  const tool = await killable(options.kind, options.modules, options.superuser);
  try {
    for (let turn = 0; turn < options.count; turn += 1) {
      const point = all[turn % all.length]!;
      const withWrapper = random() < 0.4;
      const { found, faults } = await strike(tool, turn, point, withWrapper);
      const told = `${options.kind}, killed at ${point}${withWrapper ? ' with its wrapper' : ''}`;
      options.say(`${turn + 1}: ${told}: ${found}${faults.length > 0 ? `: ${faults.join('; ')}` : ''}`);
      result[found] += 1;
      result.faults.push(...faults.map((fault) => `${told}: ${fault}`));
    }
    return result;
  } finally {
    await tool.remove();
  }
}

async function strike(
  tool: Killable,
  turn: number,
  point: string,
  withWrapper: boolean,
): Promise<{ found: 'before' | 'between' | 'after'; faults: string[] }> {
  const faults: string[] = [];
  const demand = (holds: boolean, fault: string) => void (holds || faults.push(fault));
  const env = readFileSync(tool.env, 'utf8');
  const at = (attempt: number) => tool.step(`run-${turn}`, attempt);
  const first = at(1);
  const [store] = stores(first.definition);
  const standby = await store!.standby(first);
  await writeStandby(first.folder, [standby]);
  const before = await tool.look();

  appendFileSync(tool.env, `KILL_AT=${point}\n${withWrapper ? 'KILL_WRAPPER=yes\n' : ''}`);
  const failure = await upgrade(at(1), tool);
  writeFileSync(tool.env, env);
  const words = failure === undefined ? '' : rootMessage(failure);
  const wanted = withWrapper ? 'OutcomeUnknown' : 'MigrationFailed';
  demand(failureType(failure) === wanted, `not ${wanted}, but ${failureType(failure)} ${words}`);

  const now = await tool.look();
  const changed = differing(before.objects, now.objects);
  const found = now.applied === tool.count ? 'after' : changed.length > 0 ? 'between' : 'before';
  const expected = { before: 'as it was before', between: 'is between', after: 'all that was wanted is applied' };
  demand(words.includes(expected[found]), `it is ${found}, and was told: ${words}`);
  const named = (/: ([^:]*); no retry/.exec(words)?.[1] ?? '').split(', ').filter((name) => name !== '');
  const shouldBe = found === 'between' ? tool.told(changed) : [];
  demand(
    isDeepStrictEqual(named.sort(), shouldBe),
    `${shouldBe.join(', ')} changed, but ${named.join(', ')} was named`,
  );

  const second = at(2);
  const again = await upgrade(second, tool);
  const refused = found === 'between';
  demand(refused === (again !== undefined), `a retry ${again === undefined ? 'ran' : rootMessage(again)}`);
  demand(!refused || second.changes.length === 0, `a retry ran ${second.changes.join(', ')}`);
  const after = await tool.look();
  if (refused) demand(isDeepStrictEqual(after, now), 'a retry that was refused changed something');
  else demand(after.applied === tool.count, `a retry came to ${after.applied} of ${tool.count} migrations`);

  await store!.swapIn(second, standby);
  demand(isDeepStrictEqual(await tool.look(), before), 'the copy that was swapped in is not what was before');
  rmSync(first.folder, { recursive: true });
  return { found, faults };
}

async function upgrade(step: TestStep, { directory }: Killable): Promise<unknown> {
  const tool = migrationTool(step.definition)!;
  const wanted = [...new Set([...(await tool.applied(step)), ...(await tool.known(step, step.run.version))!])].sort();
  return tool.upgrade(step, directory, wanted).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** As the tool words them. */
function differing(before: Record<string, string>, now: Record<string, string>): string[] {
  return Object.keys(now)
    .filter((name) => before[name] !== now[name])
    .map((name) => (name.startsWith('rows of ') ? name : `${before[name] === undefined ? 'new' : 'changed'} ${name}`))
    .sort();
}

function shuffled<T>(items: T[], random: () => number): T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
