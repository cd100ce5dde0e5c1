import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/common';
import { commandFailed } from '../../src/activities/command-failed.js';
import type { CommandRequest, StepContext } from '../../src/activities/context.js';
import { placing } from '../../src/activities/runtime/placing.js';
import { fail, failureType } from '../../src/errors.js';
import { runAttached, runDetached, type CommandResult, type CommandSpec } from '../../src/lib/command.js';
import { runLook } from '../../src/lib/docker-engine.js';
import { EnvFile } from '../../src/lib/env-file.js';
import { findTools } from '../../src/lib/tools.js';
import type { At, Definition, Release, Run } from '../../src/model.js';

export interface TestStep extends StepContext {
  /** Names of the changing commands that ran, in order; an adopted one is not there again. */
  readonly changes: string[];
  /** What was shown to people. */
  readonly lines: string[];
  /** The worker leaves: its changes go on. */
  readonly leave: AbortController;
  /** By a person: it ends the change that runs. */
  readonly cancel: AbortController;
}

interface Options {
  definition: Definition;
  /** The run's folder. */
  folder: string;
  home: string;
  /** Path of an env file. */
  env?: string;
  at?: Partial<At>;
  /** A later one begins by ending what reads of those before left inside. @default 1 */
  attempt?: number;
  previous?: Release | null;
}

/** What a host lends to a step, over real commands: changing ones are adopted by step, direction, try and name. */
export function stepContext({
  definition,
  folder,
  home,
  env: path,
  at,
  attempt = 1,
  previous = null,
}: Options): TestStep {
  mkdirSync(folder, { recursive: true });
  const env = EnvFile.read(path);
  const here: At = { step: 'switch', undo: false, try: 1, ...at };
  const [changes, lines]: [string[], string[]] = [[], []];
  const onLine = (line: string) => void lines.push(line);
  const specOf = (request: CommandRequest): CommandSpec => ({
    argv: request.argv,
    cwd: request.cwd ?? definition.directory,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env.child(), ...request.env },
    deadlineMs: request.deadlineMs ?? 600_000,
    redactor: env.redactor,
    ...(request.input === undefined ? {} : { input: request.input }),
    ...(request.inputFile === undefined ? {} : { inputFile: request.inputFile }),
    ...(request.outputFile === undefined ? {} : { outputFile: request.outputFile }),
    ...(request.outputThrough === undefined ? {} : { outputThrough: request.outputThrough }),
    ...(request.afterKill === undefined ? {} : { afterKill: request.afterKill }),
  });
  const key = `${here.undo ? 'undo-' : ''}${here.step}-${here.try}`;
  const place = (name: string) => join(folder, 'commands', `${key}-${name}`);
  const [leave, cancel] = [new AbortController(), new AbortController()];
  const run = runOf(definition, previous);
  let reads = 0;
  const look = async (request: CommandRequest) => judge(request, await runLook(specOf(request)));
  const asker = { run, at: here, definition, folder, variables: env.names(), read: look };
  const { place: placed, sweep } = placing(asker, env, key);
  return {
    run,
    at: here,
    definition,
    folder,
    home,
    shared: home,
    systems: join(home, 'systems'),
    env,
    tools: findTools(),
    cancelled: cancel.signal,
    interrupted: new AbortController().signal,
    staged: (release) => join(folder, 'code', release.sha),
    folderOf: (run) => join(home, 'runs', run),
    progress: onLine,
    look,
    read: async (asked) => {
      if (asked.in !== undefined && attempt > 1) await sweep(asked.in);
      const { request, end } = await placed(`read-${++reads}`, asked);
      const signal = request.signal ? { signal: request.signal } : {};
      const result = await runAttached(specOf(request), { onLine, ...signal });
      if (result.timedOut || result.signal) await end();
      return judge(request, result);
    },
    change: async (name, asked) => {
      const { request, end } = await placed(name, asked, asked.deadlineMs ?? 600_000);
      const options = { onLine, detach: leave.signal, signal: cancel.signal };
      const result = await runDetached(place(name), specOf(request), options).catch(async (error: unknown) => {
        if (failureType(error) === 'OutcomeUnknown') await end();
        throw error;
      });
      if (!result.adopted) changes.push(name);
      if (result.timedOut || result.cancelled || (result.exitCode ?? 0) >= 128) await end();
      return judge(request, result);
    },
    began: (name) => existsSync(place(name)),
    record: async () => undefined,
    changes,
    lines,
    leave,
    cancel,
  };
}

/** A definition with what every environment must have, and the given parts. */
export function definitionOf(directory: string, parts: Partial<Definition> = {}): Definition {
  return {
    system: 'shop',
    environment: 'shop/test',
    host: 'localhost',
    directory,
    url: 'https://shop.example.com',
    source: { git: {} },
    runtime: { processes: { start: ['true'], stop: ['true'], ports: [], env: {}, timeoutMs: 5_000 }, open: 'at_start' },
    databases: {},
    backup: {},
    preflight: {},
    verify: {},
    gates: {},
    watchMs: 0,
    on_failure: 'ask',
    rollback: { prefer: 'restore', restore: 'ask' },
    positions: {},
    ...parts,
  };
}

function runOf({ environment }: Definition, previous: Release | null): Run {
  const version: Release = { version: '2.0.0', sha: '0'.repeat(40) };
  return {
    id: '20260105T120000Z-abc123',
    kind: 'deploy',
    environment,
    version,
    previous,
    change: 'none',
    plan: '',
    skipped: {},
  };
}

function judge(request: CommandRequest, result: CommandResult): CommandResult {
  const command = result.argv.join(' ');
  if (result.cancelled) throw new CancelledFailure(`${command} was cancelled`);
  if (result.timedOut) throw fail('Timeout', `${command} was ended at its deadline`);
  if ((request.ok ?? [0]).includes(result.exitCode ?? -1)) return result;
  throw commandFailed(result);
}
