import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import { projectName } from '../../runtime/compose/arguments.js';
import { projectContainers } from '../../runtime/docker-state.js';
import { serviceContainers } from '../../runtime/inside.js';

interface Volume {
  Name: string;
  Driver: string;
  Mountpoint: string;
  Options: Record<string, string> | null;
}

/**
 * Folder of a volume on this host. Compose gives volumes a longer name: one that merely has the name written in the compose file may be another
 * one, and empty. Throws NoRights where there is none, or it does not lie on this host; BadDefinition where the service does not have it.
 */
export async function folderOfVolume(
  context: StepContext,
  { volume, in: service }: { volume: string; in?: string },
): Promise<string> {
  const names = await namesOf(context, volume);
  const found = names.length === 1 ? await inspect(context, names[0]!) : undefined;
  if (!found) throw fail('NoRights', `volume ${volume}: ${names.length > 1 ? names.join(' and ') : 'there is none'}`);
  if (service !== undefined) await refuseOthers(context, service, volume, found.Name);
  const { Options: options } = found;
  if (found.Driver !== 'local' || (options?.type ?? 'none') !== 'none')
    throw fail(
      'NoRights',
      `volume ${found.Name} does not lie on this host: its copies could not be renamed into place`,
    );
  return options?.device ?? found.Mountpoint;
}

/** In full: those of the project that the compose file calls so; one from outside has its very name. */
async function namesOf(context: StepContext, volume: string): Promise<string[]> {
  const { compose } = context.definition.runtime;
  if (!compose) return [volume];
  const labels = [`project=${projectName(context.definition)}`, `volume=${volume}`];
  const filters = labels.flatMap((label) => ['--filter', `label=com.docker.compose.${label}`]);
  const { stdout = '' } = await context.look({ argv: ['docker', 'volume', 'ls', '--quiet', ...filters] });
  const own = stdout.split('\n').filter(Boolean);
  if (own.length > 0) return own;
  const containers = await projectContainers((request) => context.look(request), projectName(context.definition));
  return containers.some(({ mounts }) => mounts.some(({ name }) => name === volume)) ? [volume] : [];
}

async function inspect(context: StepContext, name: string): Promise<Volume | undefined> {
  const argv = ['docker', 'volume', 'inspect', '--format', '{{json .}}', name];
  const { exitCode, stdout = '' } = await context.look({ argv, ok: [0, 1] });
  return exitCode === 0 ? (JSON.parse(stdout) as Volume) : undefined;
}

/** Scripts may have removed the container while it is stopped: then nothing is known against it. */
async function refuseOthers(context: StepContext, service: string, volume: string, name: string): Promise<void> {
  const containers = await serviceContainers(context.definition, (request) => context.look(request), service);
  const mounted = containers.flatMap(({ mounts }) => mounts.flatMap((mount) => mount.name ?? []));
  if (containers.length === 0 || mounted.includes(name)) return;
  throw fail(
    'BadDefinition',
    `service ${service} does not have volume ${volume} (${name}), but ${mounted.join(', ') || 'none'}: correct \`volume\``,
  );
}
