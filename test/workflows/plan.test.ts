import { describe, expect, it } from 'vitest';
import { outline, skips } from '../../src/activities/resolve.js';
import { listEnvironments, loadDefinition } from '../../src/definition/load.js';
import { makePlan } from '../../src/definition/plan.js';
import { hashOf } from '../../src/lib/files.js';
import type { Change, Definition, Kind, Plan, Run } from '../../src/model.js';
import { ending, until, withBench } from './harness.js';

const definitions = await Promise.all(
  ['systems', 'examples/shop/systems'].map(async (folder) => {
    const { environments } = await listEnvironments(folder);
    return Promise.all(Object.keys(environments).map((environment) => loadDefinition(folder, environment)));
  }),
).then((found) => found.flat());
const version = { version: '2.0.0', sha: 'a'.repeat(40) };
const previous = { version: '1.0.0', sha: 'b'.repeat(40), run: 'run-0' };

describe('what a saga does is what its plan says, in the plan’s order', () => {
  it('for all six definitions', () => {
    expect([...new Set(definitions.map(({ system }) => system))].sort()).toEqual([
      'cleaning',
      'dod-dashboard',
      'selenite',
      'shop',
      'smart-accounting',
      'student-management',
    ]);
  });

  const all = definitions.flatMap((definition) => [
    ...(['none', 'breaking'] as const).map((change) => ({ definition, kind: 'deploy' as const, change })),
    { definition, kind: 'rollback' as const, change: 'none' as const },
    { definition, kind: 'adopt' as const, change: 'none' as const },
  ]);
  // Environments of one system whose plans have the same steps would be the same test.
  const cases = [
    ...new Map(
      all.map((one) => [
        `${one.definition.system} ${one.kind} ${planned(planOf(one.definition, one.kind, one.change)).join()}`,
        one,
      ]),
    ).values(),
  ];
  it.each(
    cases.map((one) => ({ ...one, title: `${one.kind} of ${one.definition.environment}, change ${one.change}` })),
  )('$title', async ({ definition, kind, change }) => {
    const plan = planOf(definition, kind, change);
    const run: Run = {
      id: 'run-1',
      kind,
      environment: definition.environment,
      version,
      previous,
      change,
      plan: plan.hash,
      skipped: skips(plan),
    };
    const people = { ann: Object.values(definition.gates).flatMap((gate) => gate?.roles ?? []) };
    const fakes = {
      resolve: async () => ({ run, by: 'bob', outline: outline(plan, { definition, people }) }),
      window: async () => ({ waitMs: 0, opensAt: '2026-01-03T20:00:00Z' }),
    };
    await withBench({ fakes }, async ({ start }) => {
      const handle = await start(kind, kind === 'deploy' ? { version: '2.0.0' } : {});
      for (const gate of plan.steps.filter((step) => step.is === 'gate' && step.skip === undefined)) {
        const { questions } = await until(handle, (status) => status.questions[0]?.name === gate.name);
        await handle.signal('approve', { gate: gate.name, by: 'ann', plan: questions[0]?.plan });
      }
      const report = await ending(handle);
      expect(report).toMatchObject({ failed: false, run: 'run-1' });
      expect(ran(report.steps)).toEqual(planned(plan));
      // A skipped step is told, too, and nothing but the plan's own skips is.
      expect(named(report.steps, 'skipped')).toEqual(
        plan.steps.filter((step) => step.skip !== undefined).map(({ name }) => name),
      );
    });
  });
});

/** After the window, what was checked before it is checked again. */
function planned(plan: Plan): string[] {
  return plan.steps
    .filter((step) => step.skip === undefined)
    .flatMap(({ name }) => (name === 'window' ? [name, 'preflight'] : [name]));
}

/** The steps between `resolve` and `record`, which frame every run. */
function ran(steps: string[]): string[] {
  expect([steps[0], steps.at(-1)]).toEqual(['resolve: done', 'record: done']);
  return named(steps.slice(1, -1), 'done');
}

function named(steps: string[], state: string): string[] {
  return steps.filter((step) => step.endsWith(`: ${state}`)).map((step) => step.slice(0, step.indexOf(':')));
}

function planOf(definition: Definition, kind: Kind, change: Change): Plan {
  const none = {
    fetch: [],
    switch: [],
    switchBack: [],
    stop: [],
    start: [],
    open: [],
    close: [],
    stopEffects: [],
    startEffects: [],
    backup: [],
    prove: [],
    standby: [],
    swapIn: [],
    upgrade: [],
    rehearse: [],
  };
  return makePlan(definition, {
    kind,
    version,
    previous,
    change,
    pending: change === 'none' ? {} : { main: ['20260101-change'] },
    outsideTransaction: [],
    unbuilt: [],
    warnings: [],
    copySeconds: 1,
    definitionHash: hashOf(definition),
    hash: hashOf,
    commands: none,
  });
}
