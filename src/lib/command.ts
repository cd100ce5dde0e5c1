import { once } from 'node:events';
import { closeSync, createReadStream, createWriteStream, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { fail } from '../errors.js';
import type { Argv } from '../model.js';
import { attachedMark } from './attached-mark.js';
import { lineReader, OutputStart, OutputTail } from './command-output.js';
import type { LogFile } from './command-output.js';
import { guardGroup, readyGuard } from './command-guard.js';
import { detachedScript } from './detached-command.js';
import { isClaimed } from './detached-record.js';
import { awaitDetached, workerLeft } from './detached-wait.js';
import type { Wrapper } from './detached-wait.js';
import { makeFolder } from './files.js';
import { killAll } from './process-kill.js';
import { checkProgram, findProgram } from './program.js';
import type { Redactor } from './secret.js';
import { shellLine } from './shell-line.js';

const stdoutLimit = 4 * 1024 * 1024;
const stderrLimit = 64 * 1024;
const termGraceMs = 2_000;

export interface CommandSpec {
  /** Free of secrets: other users of the host see it. */
  argv: Argv;
  cwd: string;
  /** The whole environment of the child. */
  env: Record<string, string>;
  /** Attached only. @default standard input is empty */
  input?: string;
  /** Attached only: the file that standard input reads. */
  inputFile?: string;
  /** Attached only: the file that standard output is written into as it comes, byte by byte, and nowhere else. */
  outputFile?: string;
  /**
   * With `outputFile`: a program that packs, told `-q -1 -c`, between the command and the file. Told `-q -t`, it unpacks the same
   * bytes as they are written. Its failure is the command's.
   */
  outputThrough?: string;
  /** Detached only: run by the wrapper once the deadline or a signal ended the command, for what that leaves elsewhere. */
  afterKill?: Argv;
  deadlineMs: number;
  redactor: Redactor;
}

export interface CommandResult {
  /** Redacted. */
  argv: Argv;
  cwd: string;
  /** null where a signal, the deadline or a cancel ended it before it had one. */
  exitCode: number | null;
  signal: string | null;
  timedOut: boolean;
  cancelled: boolean;
  tookMs: number;
  /** The last 8 KiB of both streams, redacted. */
  tail: string;
  /** Attached only: redacted, at most 4 MiB. */
  stdout?: string;
  /** Attached only: redacted, at most 64 KiB. */
  stderr?: string;
  /** There was more on standard output than `stdout` holds. */
  truncated?: true;
  /** Detached only: all output, redacted. */
  log?: LogFile;
  /** Found started by an earlier call. */
  adopted: boolean;
}

export interface AttachedOptions {
  /** Ends the command and all of its group. */
  signal?: AbortSignal;
  /** The last whole line of each stream, redacted, whenever more came. */
  onLine?: (line: string) => void;
}

export interface DetachedOptions extends AttachedOptions {
  /** Ends only the waiting: WorkerLeft is thrown, the command goes on. */
  detach?: AbortSignal;
}

/**
 * Runs a command that changes nothing live: it and its group die with this process, even at SIGKILL. Never throws for an exit
 * code, the deadline or an abort: all that is in the result. Throws ToolMissing, Usage.
 */
export async function runAttached(spec: CommandSpec, { signal, onLine }: AttachedOptions = {}): Promise<CommandResult> {
  checkProgram(spec.argv, spec.env.PATH, spec.cwd);
  if (signal?.aborted) return { ...notStarted(spec), stdout: '', stderr: '' };
  const startedAt = performance.now();
  const files = openFiles(spec);
  readyGuard();
  const child = execa(...dyingWithParent(packing(spec)), {
    cwd: spec.cwd,
    env: { ...spec.env, ...attachedMark() },
    extendEnv: false,
    // A group of its own, so that all of it can be ended.
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdio: [files.input ?? (spec.input === undefined ? 'ignore' : 'pipe'), files.output ?? 'pipe', 'pipe'],
    ...(spec.input === undefined ? {} : { input: spec.input }),
  });
  // The child has its own.
  files.close();
  const { pid } = child;
  if (pid === undefined)
    throw fail('CommandFailed', spec.redactor.redact((await child).shortMessage ?? 'the command could not be started'));
  const release = guardGroup(pid);
  const tail = new OutputTail(spec.redactor);
  const stdout = new OutputStart(spec.redactor, stdoutLimit);
  const stderr = new OutputStart(spec.redactor, stderrLimit);
  child.stdout?.on('data', (chunk: Buffer) => stdout.add(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.add(chunk));
  const streams = [child.stdout, child.stderr].flatMap((stream) =>
    stream ? [collect(stream, tail, spec.redactor, onLine)] : [],
  );
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const ended = await firstOf(exited, spec.deadlineMs, signal);
  // Also after an end of its own: what it left in its group must not outlive it.
  await killAll('group', pid, termGraceMs).finally(release);
  const [exitCode, ending] = await exited;
  // A daemon in a session of its own may hold the pipes for ever; what the command itself wrote is there at once.
  await Promise.race([Promise.all(streams), wait(1_000, undefined, { ref: false })]);
  child.stdout?.destroy();
  child.stderr.destroy();
  return {
    argv: redactedArgv(spec),
    cwd: spec.cwd,
    exitCode: ended === 'exit' ? exitCode : null,
    signal: ending,
    timedOut: ended === 'deadline',
    cancelled: ended === 'abort',
    tookMs: Math.round(performance.now() - startedAt),
    tail: tail.read(),
    // Read where it is asked for: what a loud tool printed would be copied for nobody.
    get stdout() {
      return stdout.read();
    },
    get stderr() {
      return stderr.read();
    },
    ...(stdout.cut ? { truncated: true as const } : {}),
    adopted: false,
  };
}

/**
 * Runs a command that changes the live system: it outlives this process, and is found again by `folder`, which belongs to
 * this one command. A second call waits for the first one's command, or returns its result with `adopted`.
 * An abort of `signal` kills the command, confirmed; an abort of `detach` leaves it running and throws WorkerLeft.
 * The deadline is held by the command's own wrapper. Throws ToolMissing, Usage, OutcomeUnknown.
 */
export async function runDetached(
  folder: string,
  spec: CommandSpec,
  options: DetachedOptions = {},
): Promise<CommandResult> {
  if (isClaimed(folder)) return awaitDetached(folder, spec, options, undefined);
  checkProgram(spec.argv, spec.env.PATH, spec.cwd);
  if (options.detach?.aborted) throw workerLeft(spec);
  if (options.signal?.aborted) return notStarted(spec);
  await makeFolder(folder);
  return awaitDetached(folder, spec, options, startDetached(folder, spec));
}

function notStarted(spec: CommandSpec): CommandResult {
  const argv = redactedArgv(spec);
  return {
    argv,
    cwd: spec.cwd,
    exitCode: null,
    signal: null,
    timedOut: false,
    cancelled: true,
    tookMs: 0,
    tail: '',
    adopted: false,
  };
}

function startDetached(folder: string, spec: CommandSpec): Wrapper {
  const seconds = (Math.max(1, spec.deadlineMs) / 1000).toFixed(3);
  const after = shellLine(spec.afterKill ?? []);
  const wrapper = execa('/bin/sh', ['-c', detachedScript, 'sh', resolve(folder), seconds, after, ...spec.argv], {
    cwd: spec.cwd,
    env: spec.env,
    extendEnv: false,
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdio: 'ignore',
  });
  wrapper.unref();
  let ended = wrapper.pid === undefined;
  // One that could not be started never exits.
  const end = once(wrapper, 'exit').catch(() => undefined);
  wrapper.once('exit', () => (ended = true));
  return { pid: wrapper.pid, ended: () => ended, end };
}

/** Ends as the command did; 1 where what was packed is not whole in the file, or does not unpack. */
const packScript = `
exec 4>&1; pack=$1; shift
code=$({ { "$@" 3>&- 4>&-; echo $? >&3; } | "$pack" -q -1 -c 3>&- 4>&- | { tee --output-error=exit /dev/fd/4 3>&- || echo cut >&3; } |
  "$pack" -q -t 3>&- 4>&-; } 3>&1) || exit 1
case $code in *[!0-9]*) exit 1 ;; esac
exit "$code"`;

function packing({ argv, outputThrough }: CommandSpec): Argv {
  return outputThrough === undefined ? argv : ['/bin/sh', '-c', packScript, 'sh', outputThrough, ...argv];
}

/** Streams that nothing here reads or writes: the child gets their files themselves. */
function openFiles({ inputFile, outputFile }: CommandSpec) {
  const input = inputFile === undefined ? undefined : openSync(inputFile, 'r');
  const output = outputFile === undefined ? undefined : openSync(outputFile, 'w', 0o600);
  return {
    input: input === undefined ? undefined : createReadStream('', { fd: input, autoClose: false }),
    output: output === undefined ? undefined : createWriteStream('', { fd: output, autoClose: false }),
    close: () => [input, output].forEach((file) => file !== undefined && closeSync(file)),
  };
}

function redactedArgv({ argv, redactor }: CommandSpec): Argv {
  return argv.map((part) => redactor.redact(part));
}

function dyingWithParent(argv: Argv): [string, string[]] {
  const [program = '', ...rest] = argv;
  const setpriv = findProgram('setpriv', process.env.PATH, '/');
  return setpriv ? [setpriv, ['--pdeathsig', 'KILL', '--', ...argv]] : [program, rest];
}

async function firstOf(
  exited: Promise<unknown>,
  deadlineMs: number,
  signal: AbortSignal | undefined,
): Promise<'exit' | 'deadline' | 'abort'> {
  const over = new AbortController();
  const aborted = signal ? [once(signal, 'abort', { signal: over.signal }).then(() => 'abort' as const)] : [];
  // A timer cannot be longer than that; it would fire at once.
  const deadline = wait(Math.min(deadlineMs, 2 ** 31 - 1), 'deadline' as const, { signal: over.signal });
  const contenders = [exited.then(() => 'exit' as const), deadline, ...aborted];
  try {
    return await Promise.race(contenders);
  } finally {
    void Promise.allSettled(contenders);
    over.abort();
  }
}

async function collect(
  stream: NodeJS.ReadableStream,
  tail: OutputTail,
  redactor: Redactor,
  onLine?: (line: string) => void,
): Promise<void> {
  const decoder = new StringDecoder('utf8');
  const lines = onLine && lineReader(redactor, onLine);
  stream.on('data', (chunk: Buffer) => {
    const text = decoder.write(chunk);
    tail.add(text);
    lines?.add(text);
  });
  await once(stream, 'end').catch(() => undefined);
  lines?.end();
}
