import { existsSync } from 'node:fs';
import { fail, rootMessage } from '../../errors.js';
import type { CommandResult } from '../../lib/command.js';
import { readJson } from '../../lib/files.js';
import type { Argv, At, Definition, Run } from '../../model.js';
import { anyExitCode, type CommandRequest } from '../context.js';
import { imagesOf, imagesOverride } from '../source/images/record.js';
import { composeArgv, projectName } from './compose/arguments.js';
import { inspectContainers, projectContainers, type Container } from './docker-state.js';
import { guardOf } from './guard.js';
import { liveRelease } from './live-release.js';
import { keptContainerPath } from './container/kept.js';

/** Where a command inside a service is asked from: what of a step's context is known before it can run anything. */
export interface Asker {
  run: Run;
  at: At;
  definition: Definition;
  folder: string;
  /** Names of the env file's variables: a one-off container of a script-run system gets them. */
  variables: string[];
  read: (request: CommandRequest) => Promise<CommandResult>;
}

/** Every process of a command inside a container inherits it, so that all of them are found again. */
const MARK = 'SLIPWAY_COMMAND';

/**
 * The docker client's arguments for a command inside a service: in its running container, else in a container of its own made from the
 * same image, without the service's entrypoint, which may migrate or start something. Values of `env` go by name. `mark` is unique to
 * the command. `heldMs`: its deadline, which the running container holds by itself where it can; one of its own is removed by the command's wrapper.
 * Throws NotStarted where neither is possible.
 */
export async function inside(
  asker: Asker,
  request: CommandRequest & { in: string },
  mark: string,
  heldMs?: number,
): Promise<Pick<CommandRequest, 'argv' | 'afterKill'>> {
  const { definition } = asker;
  const running = request.of || request.over ? undefined : await runningContainer(asker, request.in);
  if (running)
    return { argv: inContainer(running, { ...request, argv: await held(asker, running, request.argv, heldMs) }, mark) };
  const afterKill = ['docker', 'rm', '--force', oneOffName(mark)];
  if (definition.runtime.compose) return { argv: inOneOff(oneOffOfService(asker, request), request, mark), afterKill };
  if (definition.runtime.container)
    return { argv: inOneOff(await oneOffOfContainer(asker, request), request, mark), afterKill };
  throw fail(
    'BadDefinition',
    `${definition.environment}: there is no service ${request.in}, since it runs as host processes`,
  );
}

/**
 * Ends what a command left running inside, in the service's container or in one of its own, and sees that it is gone: killing the docker
 * client leaves it. `every`: of all commands whose mark begins so. Throws OutcomeUnknown.
 */
export async function endInside(asker: Asker, service: string, mark: string, every = false): Promise<void> {
  const end = every ? '' : '$';
  try {
    await removeOneOffs(asker, `^/?${oneOffName(mark)}${end}`);
    const running = await runningContainer(asker, service);
    if (running) await endMarked(asker.read, running, `^${MARK}=${mark}${end}`);
  } catch (error) {
    throw fail('OutcomeUnknown', `nobody can tell whether ${mark} still runs inside ${service}: ${rootMessage(error)}`);
  }
}

async function removeOneOffs({ read }: Asker, name: string): Promise<void> {
  const list = async () => {
    const { stdout = '' } = await read({ argv: ['docker', 'ps', '--all', '--quiet', '--filter', `name=${name}`] });
    return stdout.split('\n').filter(Boolean);
  };
  const found = await list();
  if (found.length === 0) return;
  await read({ argv: ['docker', 'rm', '--force', ...found], ok: [0, 1] });
  const [left] = await list();
  if (left) throw fail('CommandFailed', `container ${left} cannot be removed`);
}

/** Undefined where it does not run. */
export async function runningContainer(
  { definition, read }: Pick<Asker, 'definition' | 'read'>,
  service: string,
): Promise<Container | undefined> {
  const found = await serviceContainers(definition, read, definition.runtime.container?.name ?? service);
  return found.find((one) => one.running);
}

/** Of a service of compose, stopped ones too; else the one of that name. */
export async function serviceContainers(
  definition: Definition,
  read: Asker['read'],
  name: string,
): Promise<Container[]> {
  if (!definition.runtime.compose) return inspectContainers(read, [name]);
  return (await projectContainers(read, projectName(definition))).filter(({ service }) => service === name);
}

function inContainer({ id }: Container, request: CommandRequest, mark: string): Argv {
  const options = [
    ...(readsInput(request) ? ['--interactive'] : []),
    ...(request.cwd ? ['--workdir', request.cwd] : []),
    ...['--env', `${MARK}=${mark}`],
    ...names(request),
  ];
  return ['docker', 'exec', ...options, id, ...request.argv];
}

/**
 * Under a `timeout` of the container's own, where its image has one that knows `-k`: the deadline ends no more than the docker client, and no
 * worker may be there to end what that leaves. It begins later than the client's, so that an exit code of it is told as that deadline.
 */
async function held({ read }: Asker, { id }: Container, argv: Argv, heldMs: number | undefined): Promise<Argv> {
  if (heldMs === undefined) return argv;
  const timeout = (seconds: number) => ['timeout', '-k', '10', String(seconds)];
  const { exitCode } = await read({ argv: ['docker', 'exec', id, ...timeout(10), 'true'], ok: anyExitCode });
  return exitCode === 0 ? [...timeout(Math.ceil(heldMs / 1000)), ...argv] : argv;
}

interface OneOff {
  /** Up to the options of the command itself. */
  before: Argv;
  /** Service or image. */
  of: string;
}

function oneOffOfService(asker: Asker, request: CommandRequest & { in: string }): OneOff {
  const release = request.of ?? liveRelease(asker.run, asker.at);
  const override = release ? imagesOverride(asker, release) : undefined;
  const compose = composeArgv(asker.definition, override && existsSync(override) ? override : undefined);
  // Its compose file may pass the guard on, which permits a migration: to those that `up` makes, and to the migration tool's own commands.
  const unguarded = Object.keys(guardOf(asker.definition)).filter((name) => request.env?.[name] === undefined);
  const before = [...compose, 'run', '--rm', '--no-deps', '-T', ...unguarded.flatMap((name) => ['-e', `${name}=`])];
  return { before: [...before, ...laidOver(request)], of: request.in };
}

/** With what is mounted where. Scripts may have removed the container: `stop` noted it. */
async function oneOffOfContainer(asker: Asker, request: CommandRequest & { in: string }): Promise<OneOff> {
  const { definition, folder, run, at, variables } = asker;
  const [present] = await inspectContainers(asker.read, [definition.runtime.container?.name ?? request.in]);
  const kept = (await readJson<Container>(keptContainerPath(folder))) ?? present;
  const release = request.of ?? liveRelease(run, at);
  const images = release ? await imagesOf(asker, release) : {};
  const image = (images[request.in] ?? Object.values(images)[0])?.id ?? kept?.image;
  if (!image)
    throw fail('NotStarted', `${definition.environment}: ${request.in} does not run, and no image of it is known`);
  const mounts = (kept?.mounts ?? [])
    .filter(({ target }) => !request.over?.at.includes(target))
    .flatMap(({ type, name, source, target }) => [
      '--volume',
      `${type === 'volume' ? (name ?? source) : source}:${target}`,
    ]);
  const known = variables.filter((name) => request.env?.[name] === undefined).flatMap((name) => ['--env', name]);
  const input = readsInput(request) ? ['--interactive'] : [];
  return {
    before: ['docker', 'run', '--rm', '--pull', 'never', ...input, ...mounts, ...laidOver(request), ...known],
    of: image,
  };
}

function laidOver({ over }: CommandRequest): Argv {
  return (over?.at ?? []).flatMap((path) => ['--volume', `${over?.folder}:${path}`]);
}

function inOneOff({ before, of }: OneOff, request: CommandRequest, mark: string): Argv {
  const [program = '', ...rest] = request.argv;
  const options = [
    ...['--name', oneOffName(mark)],
    ...(request.cwd ? ['--workdir', request.cwd] : []),
    ...names(request),
  ];
  return [...before, ...options, '--entrypoint', program, of, ...rest];
}

function readsInput({ input, inputFile }: CommandRequest): boolean {
  return input !== undefined || inputFile !== undefined;
}

/** Values never stand among the arguments: docker takes them from its own environment. Compose v1 has no `--env`. */
function names({ env = {} }: CommandRequest): Argv {
  return Object.keys(env).flatMap((name) => ['-e', name]);
}

function oneOffName(mark: string): string {
  return `slipway-${mark}`.toLowerCase().replaceAll(/[^a-z0-9_.-]/g, '-');
}

/** SIGTERM, then SIGKILL, to all with a variable that matches; ends with 0 once none is left. */
const endScript = `
for signal in TERM TERM TERM KILL KILL KILL; do
  left=
  for process in /proc/[0-9]*; do
    if tr '\\0' '\\n' <"$process/environ" 2>/dev/null | grep -q "$1"; then
      left=1
      kill -s "$signal" "\${process#/proc/}" 2>/dev/null
    fi
  done
  [ -z "$left" ] && exit 0
  sleep 1
done
exit 1
`;

async function endMarked(read: Asker['read'], { id }: Container, pattern: string): Promise<void> {
  const argv = ['docker', 'exec', id, 'sh', '-c', endScript, 'sh', pattern];
  const { exitCode, tail } = await read({ argv, ok: anyExitCode });
  if (exitCode === 0 || /is not running|no such container/i.test(tail)) return;
  const said = tail.trim().split('\n').at(-1) ?? '';
  throw fail('CommandFailed', `a kill inside container ${id.slice(0, 12)} was not confirmed: ${said}`);
}
