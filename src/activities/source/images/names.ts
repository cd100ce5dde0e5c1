import { fail } from '../../../errors.js';
import type { Definition, Release, ReleaseImage } from '../../../model.js';
import type { LocalImage } from './docker.js';

/** Services whose images a release brings. */
export function servicesOf({ source }: Definition): string[] {
  return Object.keys(source.images ?? {});
}

/** `name:tag` of a release's image. Throws Usage where version or SHA give no tag that Docker allows. */
export function tagOf({ source, positions }: Definition, service: string, { version, sha }: Release): string {
  const template = source.image_tag ?? '{version}';
  const tag = template.replaceAll('{version}', version).replaceAll('{sha}', sha);
  if (!/^\w[\w.-]{0,127}$/.test(tag)) {
    const where = positions['source.image_tag'] ?? positions['source.images'] ?? 'source.images';
    throw fail(
      'Usage',
      `${where}: ${JSON.stringify(tag)} cannot be the tag of an image: {version} and {sha} are filled in`,
    );
  }
  return `${source.images?.[service]?.name}:${tag}`;
}

/** A name of our own that keeps a release's image from being pruned until retention takes it away. */
export function pinOf(environment: string, service: string, run: string): string {
  return `slipway/${environment}/${service}:${run}`.replace(/^[^:]+/, (path) =>
    path.toLowerCase().replaceAll(/[^a-z0-9/.-]/g, '-'),
  );
}

/** What is recorded of an image. Of several digests that of the name it was asked by counts. */
export function imageRecord(image: LocalImage, tag: string): ReleaseImage {
  const name = tag.slice(0, tag.lastIndexOf(':'));
  const digest = image.digests.find((one) => one.startsWith(`${name}@`)) ?? image.digests[0];
  return { id: image.id, ...(digest ? { digest } : {}), tag };
}
