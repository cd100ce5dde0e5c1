import type { Images, Release } from '../../../model.js';
import type { CommandRequest, StepContext } from '../../context.js';
import { projectName } from '../../runtime/compose/arguments.js';
import { inspectContainers, projectContainers, type Container } from '../../runtime/docker-state.js';
import { inspectImage, shortId } from './docker.js';
import { imageRecord, servicesOf, tagOf } from './names.js';
import { imagesOf } from './record.js';

/** Ids of the images that containers run now, by service; a service that does not run has none. */
export async function runningImages(context: StepContext): Promise<Record<string, string[]>> {
  const { definition } = context;
  const { compose, container } = definition.runtime;
  const services = servicesOf(definition);
  if (services.length === 0 || (!compose && !container)) return {};
  const look = (request: CommandRequest) => context.look(request);
  const all = compose
    ? await projectContainers(look, projectName(definition))
    : await inspectContainers(look, [container?.name ?? '']);
  const idsOf = (some: Container[]) => some.filter(({ running }) => running).map(({ image }) => image);
  if (container) return { [services.includes(container.name) ? container.name : services[0]!]: idsOf(all) };
  return Object.fromEntries(services.map((name) => [name, idsOf(all.filter(({ service }) => service === name))]));
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
