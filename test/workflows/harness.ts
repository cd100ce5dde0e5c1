import { randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import type { Activities } from '../../src/activities/index.js';
import { dataConverter } from '../../src/codec/data-converter.js';
import { registerSearchAttributes } from '../../src/lib/search-attributes.js';
import { workflowBundle } from '../stack/compiled.js';
import type { Call, Choice, Kind, Outline, Report, Resolved, Run, Status, StepName } from '../../src/model.js';

export type Fakes = { [Name in keyof Activities]?: (...args: Parameters<Activities[Name]>) => unknown };
export interface Bench {
  environment: string;
  client: Client;
  /** Calls that reached the host, in order: `stop`, `undo migrate putBack`, … */
  log: string[];
  start: (kind: Kind, input?: unknown, options?: Record<string, unknown>) => Promise<WorkflowHandle>;
  worker: () => Promise<{ stop(): Promise<void> }>;
}

export const outline = (changes: Partial<Outline> = {}): Outline => ({
  hash: 'h'.repeat(64),
  gates: {},
  people: {},
  on_failure: 'rollback',
  go: ['change: none'],
  window: false,
  watchMs: 0,
  steps: (
    [
      'preflight',
      'go',
      'window',
      'fetch',
      'backup',
      'rehearse',
      'stop',
      'standby',
      'switch',
      'migrate',
      'start',
      'verify',
      'open',
      'watch',
      'sign-off',
      'data',
    ] as StepName[]
  ).map((name) => ({
    name,
    is: 'step' as const,
    title: name,
    changes: ['stop', 'standby', 'switch', 'migrate', 'start', 'open', 'data'].includes(name),
  })),
  ...changes,
});
export const keep: Choice = {
  decision: 'keep',
  reason: 'nothing changed',
  loss: {},
  drops: [],
  asks: false,
  hash: 'keep',
};
export const gate = (changes = {}) => ({ on_deadline: 'reject' as const, four_eyes: false, ...changes });

interface Settings {
  outline?: Partial<Outline>;
  fakes?: Fakes;
  worker?: boolean;
  /** @default the suite's server */
  address?: string;
  /** @default one of its own */
  environment?: string;
  /** What the history says of client and worker. @default pid and host name */
  identity?: string;
}

/** A real server and the real workflows over fake activities, in an environment of its own; `before` false leaves the worker to the test. */
export async function withBench(settings: Settings, use: (bench: Bench) => Promise<void>): Promise<void> {
  quiet();
  const environment = settings.environment ?? `t${randomUUID().slice(0, 8)}/env`;
  const taskQueue = `w-${environment}`;
  const address = settings.address ?? inject('temporal');
  const identity = settings.identity === undefined ? {} : { identity: settings.identity };
  const connection = await Connection.connect({ address });
  const native = await NativeConnection.connect({ address });
  await registerSearchAttributes(connection, 'default');
  const client = new Client({ connection, dataConverter, ...identity });
  const log: string[] = [];
  const activities = record(log, { ...defaults(environment, settings.outline), ...settings.fakes });
  const startWorker = async () => {
    const common = {
      connection: native,
      dataConverter,
      stickyQueueScheduleToStartTimeout: '1 second',
      maxHeartbeatThrottleInterval: '200 ms',
      ...identity,
    };
    const workers = await Promise.all([
      Worker.create({
        ...common,
        taskQueue,
        workflowBundle: { code: await workflowBundle() },
        activities: { environments: activities.environments },
      }),
      Worker.create({ ...common, taskQueue: environment, activities }),
    ]);
    const running = workers.map((worker) => worker.run());
    let stopped = false;
    return {
      stop: async () => {
        if (stopped) return;
        stopped = true;
        workers.forEach((worker) => worker.shutdown());
        await Promise.all(running);
      },
    };
  };
  const started: { stop(): Promise<void> }[] = [];
  const worker = async () => {
    const one = await startWorker();
    started.push(one);
    return one;
  };
  if (settings.worker !== false) await worker();
  try {
    await use({
      environment,
      client,
      log,
      worker,
      start: (kind, input, options = {}) =>
        client.workflow.start(kind, {
          taskQueue,
          workflowId: environment,
          args: input === undefined ? [] : [input],
          workflowIdConflictPolicy: 'FAIL',
          ...options,
        }),
    });
  } finally {
    await Promise.all(started.map((one) => one.stop()));
    await client.workflow
      .getHandle(environment)
      .terminate('end of the test')
      .catch(() => undefined);
    await native.close();
    await connection.close();
  }
}

/** Waits until the status fulfils a condition. */
export async function until(handle: WorkflowHandle, holds: (status: Status) => boolean, ms = 20_000): Promise<Status> {
  const end = Date.now() + ms;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 1.2, 100)) {
    const status = await handle.query<Status>('status').catch(() => undefined);
    if (status && holds(status)) return status;
    if (Date.now() > end) throw new Error(`it did not come to that within ${ms} ms: ${JSON.stringify(status)}`);
    await new Promise((wake) => setTimeout(wake, pauseMs));
  }
}

/** The report of a run, however it ended. */
export async function ending(handle: WorkflowHandle): Promise<Report & { failed: boolean }> {
  try {
    return { ...((await handle.result()) as Report), failed: false };
  } catch (error) {
    const cause = (error as { cause?: { details?: [Report] } }).cause;
    if (!cause?.details?.[0]) throw error;
    return { ...cause.details[0], failed: true };
  }
}

function defaults(environment: string, changes: Partial<Outline> = {}): Fakes {
  const resolved = (kind: Kind, version = '2.0.0', by = 'ann'): Resolved => {
    const run: Run = {
      id: 'run-1',
      kind,
      environment,
      version: { version, sha: 'a'.repeat(40) },
      previous: { version: '1.0.0', sha: 'b'.repeat(40), run: 'run-0' },
      change: 'none',
      plan: 'h'.repeat(64),
      skipped: { window: 'no window', ...(changes.watchMs ? {} : { watch: 'no watch' }) },
    };
    return { run, by, outline: outline(changes) };
  };
  const nothing = async () => ({});
  return {
    environments: async () => ({ environments: [environment], errors: [] }),
    resolve: async ({ kind, input }) => resolved(kind, (input as { version?: string }).version, input.by),
    check: async (call: Call) => ({ phase: call.at.step, results: [] }),
    watch: async () => ({ phase: 'watch', results: [] }),
    choose: async () => keep,
    record: async (call) => ({ current: call.run.version.version, evidence: '/evidence' }),
    fetch: nothing,
    backup: nothing,
    rehearse: nothing,
    stop: nothing,
    standby: nothing,
    switch: nothing,
    migrate: nothing,
    start: nothing,
    open: nothing,
    close: nothing,
    putBack: nothing,
    swapIn: nothing,
    holdEffects: async () => ({ asks: false, lines: [], hash: '' }),
    startEffects: nothing,
    stopEffects: nothing,
  };
}

/** Logs what an activity did once it has done it; `environments` and `resolve` are no acts. */
function record(log: string[], fakes: Fakes): Record<string, (...args: never[]) => unknown> {
  return Object.fromEntries(
    Object.entries(fakes).map(([name, fake]) => [
      name,
      async (call: Call, ...rest: never[]) => {
        if (call?.at) {
          const label = `${call.at.undo ? 'undo ' : ''}${call.at.step}`;
          log.push(label.endsWith(name) || name === 'check' ? label : `${label} ${name}`);
        }
        return (fake as (...args: unknown[]) => unknown)(call, ...rest);
      },
    ]),
  );
}

let installed = false;
function quiet(): void {
  if (installed) return;
  installed = true;
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
}
