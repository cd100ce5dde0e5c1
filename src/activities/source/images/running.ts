import { projectOf } from '../../../definition/claims.js';
import type { Images, Release } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { inspectImage, shortId } from './docker.js';
import { imageRecord, servicesOf, tagOf } from './names.js';
import { imagesOf } from './record.js';

/** Ids of the images that containers run now, by service; a service that does not run has none. */
export async function runningImages(context: StepContext): Promise<Record<string, string[]>> {
  const { compose, container } = context.definition.runtime;
  const services = servicesOf(context.definition);
  if (services.length === 0) return {};
  if (container)
    return {
      [services.includes(container.name) ? container.name : services[0]!]: await imagesIn(context, [container.name]),
    };
  if (!compose) return {};
  const project = compose.project ?? projectOf(context.definition.directory);
  const found = await Promise.all(
    services.map(
      async (service) => [service, await imagesIn(context, await containersOf(context, project, service))] as const,
    ),
  );
  return Object.fromEntries(found);
}

/** Where containers run other images than the release's, a line each, naming both. */
export async function otherImages(context: StepContext, release: Release): Promise<string[]> {
  const wanted = await imagesOf(context, release);
  const running = await runningImages(context);
  return Object.entries(running).flatMap(([service, ids]) => {
    const others = ids.filter((id) => wanted[service] && id !== wanted[service].id);
    return others.map(
      (id) =>
        `${service} runs image ${shortId(id)}, not ${shortId(wanted[service]?.id ?? '')} (${wanted[service]?.tag})`,
    );
  });
}

/** What runs now, as a release records it; services whose containers differ among themselves have no one image. */
export async function runningRecord(context: StepContext, release: Release): Promise<Images> {
  const images: Images = {};
  for (const [service, ids] of Object.entries(await runningImages(context))) {
    const image = new Set(ids).size === 1 ? await inspectImage(context, ids[0]!) : undefined;
    if (image) images[service] = imageRecord(image, tagAmong(context, service, release, image.tags));
  }
  return images;
}

/** The declared one where the image has it, else one that it has. */
function tagAmong({ definition }: StepContext, service: string, release: Release, tags: string[]): string {
  const name = definition.source.images?.[service]?.name;
  const declared = release.version ? tagOf(definition, service, release) : undefined;
  if (declared && tags.includes(declared)) return declared;
  return tags.find((tag) => tag.startsWith(`${name}:`)) ?? declared ?? `${name}:latest`;
}

async function containersOf(context: StepContext, project: string, service: string): Promise<string[]> {
  const labels = [`project=${project}`, `service=${service}`, 'oneoff=False'];
  const filters = labels.flatMap((label) => ['--filter', `label=com.docker.compose.${label}`]);
  const { stdout } = await context.read({ argv: ['docker', 'ps', '--quiet', ...filters] });
  return (stdout ?? '').split('\n').filter(Boolean);
}

async function imagesIn(context: StepContext, containers: string[]): Promise<string[]> {
  if (containers.length === 0) return [];
  const argv = ['docker', 'container', 'inspect', '--format', '{{.State.Running}} {{.Image}}', ...containers];
  const { stdout } = await context.read({ argv, ok: [0, 1] });
  return (stdout ?? '').split('\n').flatMap((line) => (line.startsWith('true ') ? [line.slice(5)] : []));
}
