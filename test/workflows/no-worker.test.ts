import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { dataConverter } from '../../src/codec/data-converter.js';
import { findTools } from '../../src/lib/tools.js';
import { code } from './harness.js';

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });

describe('an environment whose host has no worker', () => {
  it.each([
    ['deploy', 'shop/local', [{ version: '2.0.0' }], 'failed-unchanged: '],
    ['recover', 'shop/local', [{}], ''],
    ['plan', 'shop/local/plan/1a2b', [{ kind: 'deploy', input: { version: '2.0.0' } }], ''],
    ['history', 'shop/local/history/1a2b', [], ''],
  ])('ends %s after a minute, with what to type', async (type, workflowId, args, before) => {
    await withTime(async ({ client, native }) => {
      const environments = async () => ({ environments: ['shop/local'], errors: [] });
      const worker = await Worker.create({ connection: native, taskQueue: 'slipway', workflowBundle: { code: await code() }, dataConverter, activities: { environments } });
      const began = Date.now();
      await worker.runUntil(async () => {
        const handle = await client.workflow.start(type, { taskQueue: 'slipway', workflowId, args });
        const error = await handle.result().then(() => undefined, (problem: { cause?: Error }) => problem.cause);
        expect(error?.message).toBe(`${before}no worker serves shop/local: start \`slipway worker\` on its host`);
      });
      expect(Date.now() - began).toBeLessThan(20_000);
    });
  }, 60_000);
});

/** A server whose clock jumps over every wait. */
async function withTime(use: (time: { client: TestWorkflowEnvironment['client']; native: TestWorkflowEnvironment['nativeConnection'] }) => Promise<void>): Promise<void> {
  const path = await findTools().find('temporal-test-server');
  const time = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } }, client: { dataConverter } });
  try {
    await use({ client: time.client, native: time.nativeConnection });
  } finally {
    await time.teardown();
  }
}
