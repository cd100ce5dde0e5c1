import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { StepContext } from '../../src/activities/context.js';
import { makeRunPlan } from '../../src/activities/make-run-plan.js';
import { appendHistory } from '../../src/lib/history.js';
import type { Kind } from '../../src/model.js';
import { deployed, releaseOf } from './keeping/deployed.js';
import { definitionOf, stepContext } from './step-context.js';

describe('the plan of a rollback', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-plan-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('warns where the env file, which may hold keys, is not the one of the release that it goes to', async () => {
    const before = step('KEY=one', 'rollback');
    await appendHistory(root, { ...deployed('r1', null), fingerprints: { env_file: before.env.sha256 } });
    await appendHistory(root, deployed('r2', 'r1'));
    expect((await makeRunPlan(before, {})).warnings).toEqual([]);

    const rotated = [
      '.env was changed since r1 was released: where that rotated a key, data from before it is read with another one',
    ];
    expect((await makeRunPlan(step('KEY=two', 'rollback'), {})).warnings).toEqual(rotated);
    expect((await makeRunPlan(step('KEY=two', 'deploy'), {})).warnings).toEqual([]);
  });

  function step(variables: string, kind: Kind): StepContext {
    const env = join(root, '.env');
    writeFileSync(env, `${variables}\n`);
    const definition = definitionOf(root, { env_file: '.env' });
    const context = stepContext({ definition, folder: join(root, 'run'), home: root, env, previous: releaseOf('r2') });
    return { ...context, run: { ...context.run, kind, version: releaseOf('r1') } };
  }
});
