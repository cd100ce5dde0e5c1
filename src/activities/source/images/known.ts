import { hashOf } from '../../../lib/files.js';
import type { Images, Release } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { servicesOf, tagOf } from './names.js';
import { askTag } from './obtain.js';
import { promotedImages } from './promoted.js';

/** The images of a version as far as they are known before anything is built: what was approved elsewhere, and what is pulled. */
export async function knownImages(context: StepContext, release: Release): Promise<Images> {
  const { definition } = context;
  if (definition.promote_from) return promotedImages(context, release);
  const images: Images = {};
  for (const service of servicesOf(definition))
    if (!isBuilt(context, service))
      images[service] = await askTag(context, service, tagOf(definition, service, release));
  return images;
}

/** Whether `fetch` makes this service's image of the version's code. */
export function isBuilt({ definition }: StepContext, service: string): boolean {
  return definition.source.images?.[service]?.build !== undefined && !definition.promote_from;
}

/** Stands for a commit where there is no Git: the same for the same images. */
export function identityOf(images: Images): string {
  return hashOf(Object.entries(images).map(([service, { id }]) => [service, id])).slice(0, 40);
}
