import { NativeConnection, Worker } from '@temporalio/worker';
import { describe, expect, inject, it } from 'vitest';
import { dataConverter } from '../../src/codec/data-converter.js';
import { workflowBundle } from '../stack/compiled.js';
import { ending, withBench } from './harness.js';

describe('an environment whose host has no worker', () => {
  it('ends a run unchanged, with what to type, and holds nothing', async () => {
    await withBench({ worker: false }, async ({ start, environment, log }) => {
      await withControl(environment, async () => {
        for (let time = 1; time <= 2; time++) {
          const report = await ending(await start('deploy', { version: '2.0.0' }));
          expect(report).toMatchObject({
            outcome: 'failed-unchanged',
            failed: true,
            run: null,
            reason: `no worker serves ${environment}: start \`slipway worker\` on its host`,
          });
          expect(report.steps).toEqual(['resolve: failed']);
        }
        expect(log).toEqual([]);
      });
    });
  });
});

/** The control worker alone, with the minute that a host is given made a second. */
async function withControl(environment: string, use: () => Promise<void>): Promise<void> {
  const whole = await workflowBundle();
  const hasty = whole.replace("scheduleToStartTimeout: '60 seconds'", "scheduleToStartTimeout: '1 second'");
  expect(hasty === whole, 'the bundle holds the minute').toBe(false);
  const connection = await NativeConnection.connect({ address: inject('temporal') });
  const environments = async () => ({ environments: [environment], errors: [] });
  const worker = await Worker.create({
    connection,
    taskQueue: `w-${environment}`,
    workflowBundle: { code: hasty },
    dataConverter,
    activities: { environments },
  });
  await worker.runUntil(use);
  await connection.close();
}
