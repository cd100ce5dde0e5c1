import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import type { Host } from '../../src/activities/host.js';
import { dataConverter } from '../../src/codec/data-converter.js';
import { startTemporal } from '../../src/lib/dev-servers.js';
import { registerSearchAttributes } from '../../src/lib/search-attributes.js';
import { findTools } from '../../src/lib/tools.js';
import type { StepName } from '../../src/model.js';
import { noops } from './noops.js';
import { benchActivities } from './release.js';

export const environment = 'bench/noop';
export const workflowQueue = 'slipway';

/** The tuned dev server and a worker with the options of src/worker.ts: workflows on one queue, activities on the environment's. */
export async function withStack(use: (stack: { client: Client; folder: string }) => Promise<void>): Promise<void> {
  await withServer(async ({ address, folder }) => {
    const bundle = await bundleBench();
    await withWorkers(address, join(folder, 'state'), bundle, noops, (client) => use({ client, folder }));
  });
}

/** The tuned dev server alone, and a folder that goes with it. */
export async function withServer(use: (server: { address: string; folder: string }) => Promise<void>): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  try {
    const server = await startTemporal({ folder: join(folder, 'temporal'), headless: true });
    try {
      await use({ address: server.address, folder });
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function bundleBench(): Promise<{ code: string }> {
  const workflowsPath = fileURLToPath(new URL('./workflows.ts', import.meta.url));
  return bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
}

type Bundle = NonNullable<WorkerOptions['workflowBundle']>;

/** @param steps the names of the steps of its runs */
export async function withWorkers(
  address: string,
  root: string,
  bundle: Bundle,
  steps: StepName[],
  use: (client: Client) => Promise<void>,
): Promise<void> {
  const connection = await NativeConnection.connect({ address });
  await registerSearchAttributes(connection, 'default');
  const client = new Client({ connection, dataConverter });
  const workers = await startWorkers(client, connection, root, bundle, steps);
  const running = workers.map((worker) => worker.run());
  try {
    await use(client);
  } finally {
    workers.forEach((worker) => worker.shutdown());
    await Promise.all(running);
    await connection.close();
  }
}

async function startWorkers(
  client: Client,
  connection: NativeConnection,
  root: string,
  workflowBundle: Bundle,
  steps: StepName[],
): Promise<Worker[]> {
  const host: Host = { name: 'localhost', systems: root, root, namespace: 'default', tools: findTools() };
  const activities = benchActivities(host, environment, steps);
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    dataConverter,
    shutdownGraceTime: '1 second',
    maxHeartbeatThrottleInterval: '1 second',
  };
  const version = { deploymentName: 'slipway', buildId: 'bench' };
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: workflowQueue,
      workflowBundle,
      stickyQueueScheduleToStartTimeout: '1 second',
      maxCachedWorkflows: 200,
      activities: {
        environments: async () => ({ environments: [environment], errors: [] }),
        plainNoop: activities.plainNoop,
      },
      workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior: 'PINNED' },
    }),
    Worker.create({ ...common, taskQueue: environment, activities, maxConcurrentActivityTaskExecutions: 20 }),
  ]);
  const { namespace, identity } = client.options;
  await client.workflowService.setWorkerDeploymentCurrentVersion({
    namespace,
    ...version,
    allowNoPollers: true,
    ignoreMissingTaskQueues: true,
    identity,
  });
  return workers;
}
