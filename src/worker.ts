import { hostname, tmpdir } from 'node:os';
import { Client } from '@temporalio/client';
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type NativeConnectionOptions,
  type WorkerOptions,
} from '@temporalio/worker';
import { createActivities } from './activities/create.js';
import { removeAbandonedClusters } from './activities/data/postgres/in-place/cluster.js';
import type { Host } from './activities/host.js';
import { copyPrefix } from './activities/source/images/list.js';
import { dataConverter } from './codec/data-converter.js';
import { listEnvironments } from './definition/load.js';
import { currentBuild, keptBuild, type Build } from './lib/builds.js';
import { workflowQueue } from './lib/connection.js';
import { registerSearchAttributes } from './lib/search-attributes.js';
import { removeAbandoned } from './lib/own-name.js';
import { stateRoot } from './lib/state-root.js';
import { findTools } from './lib/tools.js';

const deploymentName = 'slipway';

export interface WorkerSettings {
  connection: NativeConnectionOptions;
  /** @default 'default' */
  namespace?: string;
  /** Serves the environments whose `host` is this. @default the hostname */
  host?: string;
  systems: string;
  /** @default SLIPWAY_STATE, else /var/lib/slipway for root */
  stateRoot?: string;
  /** Only these of them. @default all */
  environments?: string[];
  /** Whether to run workflows, too. @default true */
  workflows?: boolean;
  /** What new runs begin on. @default this program's own */
  build?: Build;
}
export interface RunningWorker {
  environments: string[];
  /** Ends when the worker was shut down; its running commands go on. */
  run(): Promise<void>;
  shutdown(): void;
}

/** The composition root: settings → adapters → workers, one for each environment's queue and one for each build with open runs. */
export async function startWorker(settings: WorkerSettings): Promise<RunningWorker> {
  const { namespace = 'default', systems, workflows = true } = settings;
  installRuntime();
  const connection = await NativeConnection.connect(settings.connection);
  await registerSearchAttributes(connection, namespace);
  const host: Host = {
    name: settings.host ?? hostname(),
    systems,
    root: settings.stateRoot ?? stateRoot(),
    namespace,
    tools: findTools(),
  };
  await Promise.all([removeAbandonedClusters(), removeAbandoned(tmpdir(), copyPrefix)]);
  const all = createActivities(host);
  const served = await environmentsOf(host, settings.environments);
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace,
    dataConverter,
    shutdownGraceTime: '1 second',
    maxHeartbeatThrottleInterval: '1 second',
  };
  const workers = await Promise.all(
    served.map((taskQueue) =>
      Worker.create({ ...common, taskQueue, activities: all, maxConcurrentActivityTaskExecutions: 20 }),
    ),
  );
  const client = new Client({ connection, namespace, dataConverter });
  if (workflows)
    workers.push(...(await workflowWorkers(client, host, common, settings.build ?? (await currentBuild(host.root)))));
  return {
    environments: served,
    run: async () => {
      try {
        await Promise.all(workers.map((worker) => worker.run()));
      } finally {
        await connection.close();
      }
    },
    shutdown: () => workers.forEach((worker) => worker.getState() === 'RUNNING' && worker.shutdown()),
  };
}

async function environmentsOf(host: Host, only?: string[]): Promise<string[]> {
  const { environments } = await listEnvironments(host.systems);
  return Object.entries(environments)
    .filter(([name, { host: owner }]) => owner === host.name && (!only || only.includes(name)))
    .map(([name]) => name);
}

/** The current build, and each earlier one that still has open runs and lies on this machine. New runs begin on the current one. */
async function workflowWorkers(
  client: Client,
  host: Host,
  common: Omit<WorkerOptions, 'taskQueue'>,
  build: Build,
): Promise<Worker[]> {
  const { environments } = createActivities(host);
  const older = (await openBuilds(client))
    .filter((id) => id !== build.id)
    .flatMap((id) => keptBuild(host.root, id) ?? []);
  const workers = await Promise.all(
    [build, ...older].map(({ id, codePath }: Build) =>
      Worker.create({
        ...common,
        taskQueue: workflowQueue,
        workflowBundle: { codePath },
        activities: { environments },
        // The default of ten seconds is how long a killed worker's run would wait for it.
        stickyQueueScheduleToStartTimeout: '1 second',
        maxCachedWorkflows: 200,
        workerDeploymentOptions: {
          version: { deploymentName, buildId: id },
          useWorkerVersioning: true,
          defaultVersioningBehavior: 'PINNED',
        },
      }),
    ),
  );
  await client.workflowService.setWorkerDeploymentCurrentVersion({
    namespace: client.options.namespace,
    deploymentName,
    buildId: build.id,
    allowNoPollers: true,
    ignoreMissingTaskQueues: true,
    identity: client.options.identity,
  });
  return workers;
}

/** Build ids of runs that are still open. */
async function openBuilds(client: Client): Promise<string[]> {
  const ids = new Set<string>();
  for await (const { searchAttributes } of client.workflow.list({
    query: `TaskQueue = '${workflowQueue}' AND ExecutionStatus = 'Running'`,
  })) {
    for (const version of (searchAttributes.TemporalWorkerDeploymentVersion ?? []) as string[])
      ids.add(version.slice(version.lastIndexOf(':') + 1));
  }
  return [...ids];
}

let installed = false;
function installRuntime(): void {
  if (installed) return;
  installed = true;
  // What a release comes to is told by status, evidence and history: a failed step is no fault of the worker.
  const level = process.env.SLIPWAY_LOG === 'debug' ? 'DEBUG' : 'ERROR';
  const logger = new DefaultLogger(level, ({ level: at, message, meta }) =>
    process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level: at, message, ...meta })}\n`),
  );
  Runtime.install({ logger, shutdownSignals: [] });
}
