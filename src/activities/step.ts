import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { isBeside } from '../beside.js';
import { fail, failureType, rootMessage } from '../errors.js';
import { asOnlyAttempt } from '../lib/attempts.js';
import { whileChanging } from '../lib/change-mark.js';
import { runAttached, runDetached, type CommandResult } from '../lib/command.js';
import { runLook } from '../lib/docker-engine.js';
import { EnvFile } from '../lib/env-file.js';
import { Redactor } from '../lib/secret.js';
import { appendEvidence } from '../lib/evidence.js';
import { claim, refuseOthers, type Claimant } from '../lib/journal.js';
import type { At, Call, Definition, Run, StepName } from '../model.js';
import type { CommandRequest, StepContext } from './context.js';
import { home, runFolder, type Host } from './host.js';
import { commandFailed } from './command-failed.js';
import { readPinned, type Pinned } from './pinned.js';
import type { Asker } from './runtime/inside.js';
import { placing } from './runtime/placing.js';
import { releases } from './releases.js';
import { heartbeats } from './heartbeats.js';
import { writeUndoFile } from './undo-file.js';

export interface Step extends StepContext {
  pinned: Pinned;
}
/** For output that is looked at and recorded nowhere; what reaches a failure's text is redacted there. */
const nothingHidden = new Redactor([]);
type Append = (entry: Parameters<typeof appendEvidence>[1]) => Promise<unknown>;

/**
 * Runs one step of a saga on its host: reads the pinned definition, passes the fence where the step changes something,
 * lends commands and secrets, and appends what happened to the evidence, once per (step, undo, try). `ends`: the work itself
 * wrote the last entry, whose hash stands in the history.
 */
export async function inStep<T>(
  host: Host,
  call: Call,
  options: { changes: boolean; ends?: boolean },
  work: (step: Step) => Promise<T>,
): Promise<T> {
  const { run, at } = call;
  const folder = runFolder(host, run.environment, run.id);
  const pinned = await readPinned(folder, run.plan);
  const env = readEnv(pinned.definition);
  const beats = heartbeats(at.step);
  try {
    return await asOnlyAttempt(attemptsOf(folder), Context.current().info.attempt, () =>
      act(host, call, options, { folder, pinned, env, beats }, work),
    );
  } finally {
    beats.stop();
  }
}

type Prepared = Pick<Own, 'folder' | 'env' | 'beats'> & { pinned: Pinned };

async function act<T>(
  host: Host,
  call: Call,
  options: { changes: boolean; ends?: boolean },
  { folder, pinned, env, beats }: Prepared,
  work: (step: Step) => Promise<T>,
): Promise<T> {
  const { run, at, notes } = call;
  const startedAt = new Date().toISOString();
  const activity = Context.current().info.activityType;
  const id = `${at.undo ? 'undo-' : ''}${at.step}-${at.try}-${activity}`;
  const append: Append = (entry) => appendEvidence(folder, env.redactor.redactDeep(entry));
  const context = {
    ...makeContext(host, { run, at, definition: pinned.definition, folder, env, beats, append, id }),
    pinned,
  };
  try {
    if (options.changes) {
      await claim(home(host, run.environment), claimant(host, call), at, () => refuseMovedOn(context));
      // Before the step acts: whoever finds the host dead in the middle of it needs what takes this very step back.
      await writeUndoFile(context).catch((error: unknown) => {
        if (!at.undo) throw fail('EvidenceUnwritable', `undo.md cannot be written: ${rootMessage(error)}`);
      });
    } else if (!isBeside(run.kind)) {
      await refuseOthers(home(host, run.environment), claimant(host, call));
      if (preparing.includes(at.step)) await refuseMovedOn(context);
    }
    for (const note of notes)
      await append({ id: note.id, kind: note.kind, at: note.at, data: { text: note.text, ...note.data } });
    const doing = `${run.kind} ${run.id} is at ${at.undo ? 'undo ' : ''}${at.step}`;
    const done = options.changes ? await whileChanging(context.home, doing, () => work(context)) : await work(context);
    const result = env.redactor.redactDeep(done);
    if (!options.ends)
      await append({ id, kind: 'step', data: { ...at, activity, startedAt, outcome: 'done', result } });
    return result;
  } catch (error) {
    const failure = translate(error, env, beats.left());
    // The failure itself must reach people even where the record can't be written any more.
    if (failure instanceof ApplicationFailure && failure.nonRetryable) {
      await append({
        id: `${id}-failed`,
        kind: 'step',
        data: { ...at, activity, startedAt, outcome: 'failed', type: failure.type, message: failure.message },
      }).catch(() => undefined);
    }
    throw failure;
  } finally {
    if (options.changes) await writeUndoFile(context).catch(() => undefined);
  }
}

/** A Reset gives the same activities to another execution, whose attempts are none of this one's. */
function attemptsOf(folder: string): string {
  const { activityId, workflowExecution } = Context.current().info;
  return join(folder, 'attempts', `${workflowExecution?.runId ?? 'none'}-${activityId}`);
}

/** Steps that come before the first change, made in vain where others went on meanwhile. */
const preparing: StepName[] = ['fetch', 'backup', 'rehearse'];

/**
 * No run is open here. Yet this one may have ended (its workflow was reset afterwards), or others may have been here since it resolved
 * (from a second namespace): what it would go back to is not what runs now.
 */
async function refuseMovedOn({ run, home }: StepContext): Promise<void> {
  const { entries, current } = await releases(home);
  const anew = `start a new ${run.kind}`;
  if (entries.some((entry) => entry.run === run.id))
    throw fail('Fenced', `run ${run.id} ended already, and may not act again: ${anew}`);
  if (current?.sha === run.previous?.sha && current?.run === run.previous?.run) return;
  const [now, then] = [current, run.previous].map((release) =>
    release ? `${release.version} of run ${release.run}` : 'nothing',
  );
  throw fail(
    'Fenced',
    `${run.environment} has moved on since run ${run.id} began: it runs ${now}, no longer ${then}: ${anew}`,
  );
}

/** Reads outside a run's steps (`resolve`, `plan`, `check`): the same context, with nothing recorded. */
export async function looking<T>(
  host: Host,
  run: Run,
  definition: Definition,
  work: (context: StepContext) => Promise<T>,
  place: { step: StepName; folder: string } = {
    step: 'resolve',
    folder: runFolder(host, run.environment, run.id),
  },
): Promise<T> {
  const env = readEnv(definition);
  const { step, folder } = place;
  const beats = heartbeats(step);
  const append: Append = async () => undefined;
  try {
    return await work(
      makeContext(host, {
        run,
        at: { step, undo: false, try: 1 },
        definition,
        folder,
        env,
        beats,
        append,
        id: step,
      }),
    );
  } catch (error) {
    throw translate(error, env, beats.left());
  } finally {
    beats.stop();
  }
}

/** The environment's variables, with what the definition declares secret. */
export function readEnv(definition: Definition): EnvFile {
  const { passphrase, identity } = definition.backup.encrypt ?? {};
  const declared = [
    ...Object.keys(definition.secrets?.rotate ?? {}),
    ...(definition.secrets?.keep ?? []),
    ...[passphrase, identity].flatMap((name) => (name?.startsWith('$') ? [name.slice(1)] : [])),
  ];
  return EnvFile.read(
    definition.env_file === undefined ? undefined : resolve(definition.directory, definition.env_file),
    declared,
  );
}

export function claimant(host: Host, { run }: Call): Claimant {
  return {
    run: run.id,
    kind: run.kind,
    environment: run.environment,
    namespace: host.namespace,
    workflowRunId: Context.current().info.workflowExecution?.runId ?? '',
  };
}

interface Own {
  run: Run;
  at: At;
  definition: Definition;
  folder: string;
  env: EnvFile;
  beats: ReturnType<typeof heartbeats>;
  append: Append;
  id: string;
}

function makeContext(host: Host, own: Own): StepContext {
  const { run, at, definition, folder, env, beats, append } = own;
  let reads = 0;
  const key = `${at.undo ? 'undo-' : ''}${at.step}-${at.try}`;
  const place = (name: string) => join(folder, 'commands', `${key}-${name}`);
  const finish = async (
    name: string,
    changes: boolean,
    request: CommandRequest,
    result: CommandResult,
  ): Promise<CommandResult> => {
    const { argv, cwd, exitCode, tookMs, tail, log, adopted, timedOut } = result;
    await append({
      id: `${own.id}-${name}`,
      kind: 'command',
      data: {
        argv,
        cwd,
        changes,
        exitCode,
        tookMs,
        adopted,
        timedOut,
        tail: tail.slice(-2000),
        ...(log ? { log } : {}),
      },
    });
    return judge(request, result);
  };
  const spec = (request: CommandRequest) => ({
    argv: request.argv,
    cwd: request.cwd ?? definition.directory,
    env: { ...basics(), ...env.child(), ...request.env },
    redactor: env.redactor,
    deadlineMs: request.deadlineMs ?? 600_000,
    ...(request.input === undefined ? {} : { input: request.input }),
    ...(request.inputFile === undefined ? {} : { inputFile: request.inputFile }),
    ...(request.outputFile === undefined ? {} : { outputFile: request.outputFile }),
    ...(request.outputThrough === undefined ? {} : { outputThrough: request.outputThrough }),
    ...(request.afterKill === undefined ? {} : { afterKill: request.afterKill }),
  });
  const look = async (request: CommandRequest): Promise<CommandResult> => {
    const asked = { ...spec(request), redactor: nothingHidden };
    const result = await runLook(asked, { signal: beats.interrupted });
    if (beats.left()) throw leaving();
    return judge(request, result);
  };
  const asker: Asker = {
    run,
    at,
    definition,
    folder,
    variables: env.names(),
    // Also after a cancel: what a cancelled command left inside is ended by it.
    read: async (request) =>
      judge(request, await runLook({ ...spec({ deadlineMs: 60_000, ...request }), redactor: nothingHidden })),
  };
  const { place: placed, sweep } = placing(asker, env, key);
  return {
    run,
    at,
    definition,
    folder,
    home: home(host, run.environment),
    shared: host.root,
    systems: host.systems,
    env,
    tools: host.tools,
    cancelled: beats.cancelled,
    interrupted: beats.interrupted,
    staged: (release) => join(folder, 'code', release.sha),
    folderOf: (other) => runFolder(host, run.environment, other),
    progress: beats.say,
    look,
    read: async (asked) => {
      reads += 1;
      const name = `read-${reads}`;
      if (asked.in !== undefined && Context.current().info.attempt > 1) await sweep(asked.in);
      const { request, end } = await placed(name, asked);
      const signal = request.signal ? AbortSignal.any([beats.interrupted, request.signal]) : beats.interrupted;
      const result = await runAttached(spec(request), { signal, onLine: beats.say });
      if (result.timedOut || result.cancelled || result.signal) await end();
      if (beats.left()) throw leaving();
      return finish(name, false, request, result);
    },
    change: async (name, asked) => {
      const { request, end } = await placed(name, asked, asked.deadlineMs ?? 600_000);
      const options = { signal: beats.cancelled, detach: beats.detach, onLine: beats.say };
      const result = await runDetached(place(name), spec(request), options).catch(async (error: unknown) => {
        // The client is gone without a trace, as after a reboot: nothing may go on inside behind the person who is asked.
        if (failureType(error) === 'OutcomeUnknown') await end();
        throw error;
      });
      // The client may have been ended by a signal, too: 128 and above.
      if (result.timedOut || result.cancelled || (result.exitCode ?? 0) >= 128) await end();
      return finish(name, true, request, result);
    },
    began: (name) => existsSync(place(name)),
    record: async (id, kind, data) => void (await append({ id: `${own.id}-${id}`, kind, data })),
  };
}

function judge(request: CommandRequest, result: CommandResult): CommandResult {
  const { exitCode, timedOut, cancelled } = result;
  const command = result.argv.join(' ');
  if (cancelled) throw new CancelledFailure(`${command} was cancelled`);
  if (timedOut) throw fail('Timeout', `${command} was ended after ${request.deadlineMs ?? 600_000} ms`);
  if (!(request.ok ?? [0]).includes(exitCode ?? -1)) throw commandFailed(result);
  return result;
}

/** A person decides after every failure; only a worker that leaves is followed by another try. */
function translate(error: unknown, env: EnvFile, left: boolean): ApplicationFailure | CancelledFailure {
  if (left) return leaving();
  if (error instanceof CancelledFailure) return error;
  const message = env.redactor.redact(rootMessage(error)).slice(0, 2000);
  if (error instanceof ApplicationFailure) {
    return ApplicationFailure.create({
      message,
      type: error.type ?? 'CommandFailed',
      nonRetryable: error.nonRetryable ?? true,
      details: [env.redactor.redactDeep(error.details?.[0] ?? {})],
    });
  }
  return ApplicationFailure.nonRetryable(message, failureType(error) ?? 'Unexpected');
}

function leaving(): ApplicationFailure {
  return ApplicationFailure.retryable('the worker was stopped; its successor goes on', 'WorkerLeft');
}

/** What every program may expect of its surroundings; the worker's other variables are none of its business. */
function basics(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'USER', 'SSH_AUTH_SOCK', 'npm_config_cache'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
