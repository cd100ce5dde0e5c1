import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import type { Activities, HostState } from '../../src/activities/index.js';
import type { Cli } from '../../src/client/cli.js';
import { runCli } from '../../src/client/run-cli.js';
import { dataConverter } from '../../src/codec/data-converter.js';
import { registerSearchAttributes } from '../../src/lib/search-attributes.js';
import type { Call, Choice, Kind, Outline, Run, StepName } from '../../src/model.js';
import { workflowBundle } from '../stack/compiled.js';
import { plainStyle } from '../../src/view/style.js';

export type Fakes = { [Name in keyof Activities]?: (...args: Parameters<Activities[Name]>) => unknown };

/** The CLI, in this process, against the real workflows on a real server, with a made-up host. */
export interface Stage {
  client: Client;
  /** Settings that a command needs to find the server. */
  env: Record<string, string>;
  /** An environment of its own with a worker that pretends; `worker: false` knows it, and serves it not. */
  environment(settings?: { fakes?: Fakes; outline?: Partial<Outline>; worker?: boolean }): Promise<Place>;
  run(args: string[], settings?: Settings): Promise<Ran>;
  /** The same, while it runs. */
  begin(args: string[], settings?: Settings): Running;
  /** Takes the workflows' worker away until the returned function is called. */
  withoutWorkflows(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}
export interface Place {
  environment: string;
  stop(): Promise<void>;
}
export interface Settings {
  person?: boolean;
  env?: Record<string, string>;
}
export interface Ran {
  code: number;
  out: string;
  err: string;
}
export interface Running {
  done: Promise<Ran>;
  /** What was said so far, on both outputs. */
  text(): string;
  /** Waits until that was said. */
  says(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  interrupt(): void;
}

export async function openStage(): Promise<Stage> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const address = inject('temporal');
  const namespace = `cli-${randomUUID().slice(0, 8)}`;
  const [connection, native, code] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
    workflowBundle(),
  ]);
  await makeNamespace(connection, namespace);
  const env = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, SLIPWAY_USER: 'ann' };
  const common = {
    connection: native,
    namespace,
    dataConverter,
    stickyQueueScheduleToStartTimeout: '1 second',
    maxHeartbeatThrottleInterval: '200 ms',
  };
  const names: string[] = [];
  const places: { stop(): Promise<void> }[] = [];
  const serve = async (options: Partial<Parameters<typeof Worker.create>[0]> & { taskQueue: string }) => {
    const worker = await Worker.create({ ...common, ...options });
    const running = worker.run();
    const one = {
      stop: async () => {
        if (worker.getState() === 'RUNNING') worker.shutdown();
        await running;
      },
    };
    places.push(one);
    return one;
  };
  const environments = async () => ({ environments: names, errors: [] });
  const control = () => serve({ taskQueue: 'slipway', workflowBundle: { code }, activities: { environments } });
  let workflows = await control();
  const begin = (args: string[], { person = false, env: more = {} }: Settings = {}) =>
    beginCli(args, { ...env, ...more }, person);
  return {
    client: new Client({ connection, namespace, dataConverter }),
    env,
    begin,
    run: (args, settings) => begin(args, settings).done,
    environment: async ({ fakes = {}, outline: changes = {}, worker = true } = {}) => {
      const environment = `t${randomUUID().slice(0, 6)}/env`;
      names.push(environment);
      const activities = { ...fakeHost(environment, changes), ...fakes } as Record<string, () => unknown>;
      const served = worker ? await serve({ taskQueue: environment, activities }) : undefined;
      return { environment, stop: async () => served?.stop() };
    },
    withoutWorkflows: async () => {
      await workflows.stop();
      return async () => void (workflows = await control());
    },
    close: async () => {
      await Promise.all(places.map((one) => one.stop()));
      await native.close();
      await connection.close();
    },
  };
}

export const gate = (changes = {}) => ({ on_deadline: 'remind' as const, four_eyes: false, ...changes });
export const hostState = (environment: string, changes: Partial<HostState> = {}): HostState => ({
  environment,
  host: 'shop-1',
  current: null,
  previous: null,
  lastOutcome: null,
  journal: null,
  undo: null,
  undoPath: null,
  lastStep: null,
  ...changes,
});

function beginCli(args: string[], env: Record<string, string>, person: boolean): Running {
  const out: string[] = [];
  const err: string[] = [];
  const left = new AbortController();
  const cli: Cli = {
    out: (text) => void out.push(text),
    say: (text) => void err.push(text),
    live: () => undefined,
    moving: false,
    env,
    person,
    outStyle: plainStyle,
    sayStyle: plainStyle,
    interrupted: () => left.signal,
  };
  const done = runCli(args, cli).then((code) => ({ code, out: out.join('\n'), err: err.join('\n') }));
  const text = () => [...err, ...out].join('\n');
  return {
    done,
    text,
    interrupt: () => left.abort(),
    says: async (pattern, withinMs = 20_000) => {
      for (const end = Date.now() + withinMs; Date.now() < end; await new Promise((wake) => setTimeout(wake, 20))) {
        const found = pattern.exec(text());
        if (found) return found;
      }
      throw new Error(`${args.join(' ')} did not say ${pattern} within ${withinMs} ms, but:\n${text()}`);
    },
  };
}

async function makeNamespace(connection: Connection, namespace: string): Promise<void> {
  const day = { seconds: 86_400 as never };
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: day });
  for (const end = Date.now() + 30_000; ; await new Promise((wake) => setTimeout(wake, 100))) {
    try {
      await connection.workflowService.listOpenWorkflowExecutions({ namespace });
      return await registerSearchAttributes(connection, namespace);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

function fakeHost(environment: string, changes: Partial<Outline>): Fakes {
  const names: StepName[] = [
    'preflight',
    'go',
    'window',
    'fetch',
    'backup',
    'rehearse',
    'watch',
    'stop',
    'standby',
    'switch',
    'migrate',
    'start',
    'verify',
    'open',
    'data',
  ];
  const changing = new Set(names.slice(names.indexOf('stop')));
  const outline: Outline = {
    hash: 'h'.repeat(64),
    gates: {},
    people: {},
    on_failure: 'rollback',
    go: ['change: none'],
    window: false,
    watchMs: 0,
    steps: names.map((name) => ({ name, is: 'step', title: name, changes: changing.has(name) })),
    ...changes,
  };
  const previous = { version: '1.0.0', sha: 'b'.repeat(40), run: 'run-0' };
  const resolve = async ({ kind, input }: { kind: Kind; input: { version?: string; by?: string } }) => {
    const version = { version: input.version ?? '1.0.0', sha: 'a'.repeat(40) };
    const skipped = { window: 'no window', rehearse: 'no migration is pending', watch: 'no watch' };
    const run: Run = { id: 'run-1', kind, environment, version, previous, change: 'none', plan: outline.hash, skipped };
    return { run, by: input.by ?? 'nobody', outline };
  };
  const keep: Choice = { decision: 'keep', reason: 'nothing changed', loss: {}, drops: [], asks: false, hash: 'keep' };
  const nothing = async () => ({});
  return {
    resolve,
    check: async (call: Call) => ({ phase: call.at.step, results: [] }),
    choose: async () => keep,
    record: async (call) => ({ current: call.run.version.version, evidence: '/records/run-1' }),
    state: async () => hostState(environment, { current: previous, lastOutcome: 'deployed' }),
    history: async () => [],
    fetch: nothing,
    backup: nothing,
    stop: nothing,
    standby: nothing,
    switch: nothing,
    migrate: nothing,
    start: nothing,
    open: nothing,
    close: nothing,
    putBack: nothing,
    swapIn: nothing,
  };
}
