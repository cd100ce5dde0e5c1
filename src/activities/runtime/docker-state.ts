import { fail } from '../../errors.js';
import type { CommandResult } from '../../lib/command.js';
import type { CommandRequest } from '../context.js';

/** What the engine says of one container. */
export interface Container {
  id: string;
  name: string;
  /** Of compose; '' for others. */
  service: string;
  running: boolean;
  /** `running`, `exited`, `restarting`, … */
  status: string;
  exitCode: number;
  /** Undefined where the image has no health check. */
  health?: string;
  restarts: number;
  startedAt: string;
  /** Image id. */
  image: string;
  /** Published on this host. */
  ports: number[];
  /** The same, with the port inside that each leads to, and where on this host it listens. */
  published: { inside: number; host: string; port: number }[];
  /** Its own in each network; none where it shares this host's. */
  addresses: string[];
  mounts: { type: string; name?: string; source: string; target: string }[];
  restartPolicy: string;
  /** From the signal that asks it to stop until it is killed. */
  stopSeconds: number;
}

/** Where nobody says otherwise, in seconds. */
export const engineGrace = 10;

type Read = (request: CommandRequest) => Promise<CommandResult>;

/** Containers of a compose project, stopped ones too, those of `run` left out. */
export async function projectContainers(read: Read, project: string): Promise<Container[]> {
  const labels = [`project=${project}`, 'oneoff=False'];
  const filters = labels.flatMap((label) => ['--filter', `label=com.docker.compose.${label}`]);
  const { stdout } = await read({ argv: ['docker', 'ps', '--all', '--quiet', '--no-trunc', ...filters] });
  return inspectContainers(read, (stdout ?? '').split('\n').filter(Boolean));
}

/** By id or name; one that is not there (any more) is left out. Throws CommandFailed without an engine. */
export async function inspectContainers(read: Read, names: string[]): Promise<Container[]> {
  if (names.length === 0) return [];
  const argv = ['docker', 'container', 'inspect', '--format', '{{json .}}', ...names];
  const { exitCode, stdout = '', tail } = await read({ argv, ok: [0, 1] });
  if (exitCode !== 0 && !/no such container/i.test(tail))
    throw fail('CommandFailed', `docker does not say what it runs: ${tail.trim().split('\n').at(-1)}`);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => readContainer(JSON.parse(line) as Inspected));
}

interface Inspected {
  Id: string;
  Name: string;
  Image: string;
  RestartCount: number;
  State: { Status: string; Running: boolean; ExitCode: number; StartedAt: string; Health?: { Status: string } };
  Config: { Labels: Record<string, string> | null; StopTimeout?: number | null };
  HostConfig: {
    PortBindings: Record<string, { HostPort: string }[] | null> | null;
    RestartPolicy: { Name: string };
  };
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null> | null;
    Networks: Record<string, { IPAddress: string }> | null;
  };
  Mounts: { Type: string; Name?: string; Source: string; Destination: string }[];
}

function readContainer(one: Inspected): Container {
  const bindings = { ...one.HostConfig.PortBindings, ...(one.State.Running ? one.NetworkSettings.Ports : {}) };
  const ports = Object.values(bindings).flatMap((list) => (list ?? []).map(({ HostPort }) => Number(HostPort)));
  return {
    id: one.Id,
    name: one.Name.replace(/^\//, ''),
    service: one.Config.Labels?.['com.docker.compose.service'] ?? '',
    running: one.State.Running,
    status: one.State.Status,
    exitCode: one.State.ExitCode,
    ...(one.State.Health ? { health: one.State.Health.Status } : {}),
    restarts: one.RestartCount,
    startedAt: one.State.StartedAt,
    image: one.Image,
    ports: [...new Set(ports)].filter((port) => port > 0),
    published: one.State.Running ? publishedPorts(one.NetworkSettings.Ports ?? {}) : [],
    addresses: Object.values(one.NetworkSettings.Networks ?? {})
      .map(({ IPAddress }) => IPAddress)
      .filter(Boolean),
    mounts: one.Mounts.map(({ Type, Name, Source, Destination }) => ({
      type: Type,
      ...(Name ? { name: Name } : {}),
      source: Source,
      target: Destination,
    })),
    restartPolicy: one.HostConfig.RestartPolicy.Name,
    stopSeconds: one.Config.StopTimeout ?? engineGrace,
  };
}

function publishedPorts(ports: NonNullable<Inspected['NetworkSettings']['Ports']>): Container['published'] {
  return Object.entries(ports).flatMap(([inside, hosts]) =>
    (inside.endsWith('/tcp') ? (hosts ?? []) : []).map(({ HostIp, HostPort }) => ({
      inside: Number.parseInt(inside),
      host: { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '::1' }[HostIp] ?? HostIp,
      port: Number(HostPort),
    })),
  );
}
