import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { workflowBundle } from '../stack/compiled.js';
import { approve, asked } from './looks.js';
import { ending, startProcess, until, withStand } from './stand.js';

const buildId = (code: string) => createHash('sha256').update(code).digest('hex').slice(0, 12);

describe('a new build of the workflows', () => {
  it('takes the new runs, while a run that waits since before ends on the build it began on', async () => {
    const old = await workflowBundle();
    // Another step in the same place: a run of the old build would not get on with this one.
    // The mark stands first: after the inline source map it would be decoded as part of that.
    const next = `// the next build\n${old.replaceAll("await check('preflight')", "await check('verify')")}`;
    expect(
      next.includes("await check('verify')") && !next.includes("await check('preflight')"),
      'the bundle holds the step to change',
    ).toBe(true);
    await withStand(async ({ start, worker, state, shop, client, environment }) => {
      const parked = await start('deploy', { version: '1.0.0', by: 'bob' });
      await asked(parked, 'go');

      const codePath = join(state, 'builds', `${buildId(next)}.js`);
      await writeFile(codePath, next);
      await worker.kill();
      const successor = await startProcess({
        connection: { address: inject('temporal') },
        namespace: client.options.namespace,
        host: 'localhost',
        systems: shop.systems,
        stateRoot: state,
        build: { id: buildId(next), codePath },
      });
      try {
        expect((await readdir(join(state, 'builds'))).sort()).toEqual(
          [`${buildId(old)}.js`, `${buildId(next)}.js`].sort(),
        );
        await approve(parked, 'go');
        const report = await ending(parked);
        expect(report).toMatchObject({ outcome: 'deployed', current: '1.0.0' });
        expect(report.steps.slice(0, 2)).toEqual(['resolve: done', 'preflight: done']);
        expect((await (await fetch(`${shop.url}/health`)).json()) as object).toMatchObject({ version: '1.0.0' });

        const fresh = await start('deploy', { version: '2.0.0', by: 'bob' });
        const steps = await until(async () =>
          (await fresh.query<{ steps: { name: string; state: string }[] }>('status')).steps.find(
            (step) => step.name === 'verify',
          ),
        );
        expect(steps.name).toBe('verify');
        const builds = async (runId: string) =>
          (await client.workflow.getHandle(environment, runId).describe()).searchAttributes
            .TemporalWorkerDeploymentVersion;
        expect(await builds((await fresh.describe()).runId)).toEqual([`slipway:${buildId(next)}`]);
        await fresh.terminate();
      } finally {
        // Before the folder goes: it may still write there.
        await successor.kill();
      }
    });
  }, 600_000);
});
