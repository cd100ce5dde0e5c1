import { fail } from '../../../errors.js';
import type { ReleaseImage } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { inspectImage, pullImage, shortId, tagImage } from './docker.js';
import { imageRecord } from './names.js';

/** Brings that very image onto this host: it is here, or its digest or tag is pulled and is it. Throws ImageRefused. */
export async function obtainImage(context: StepContext, service: string, image: ReleaseImage): Promise<ReleaseImage> {
  const here = await inspectImage(context, image.id);
  if (here) return { ...imageRecord(here, image.tag), ...(image.digest ? { digest: image.digest } : {}) };
  const reference = image.digest ?? image.tag;
  const problem = await pullImage(context, reference);
  const what = `image ${shortId(image.id)} (${image.tag}) of ${service}`;
  if (problem)
    throw fail('ImageRefused', `${what} is gone from this host, and ${reference} cannot be pulled: ${problem}`);
  const pulled = await inspectImage(context, reference);
  if (pulled?.id !== image.id)
    throw fail('ImageRefused', `${what} is gone: ${reference} is another image now, ${shortId(pulled?.id ?? 'none')}`);
  return { ...image, ...(await digestOf(context, image)) };
}

/**
 * What a tag means now, by its registry where that answers, else on this host. Throws Usage where both know it and differ: nobody can
 * tell which one is wanted. No tag on this host is moved by the look.
 */
export async function askTag(context: StepContext, service: string, tag: string): Promise<ReleaseImage> {
  const before = await inspectImage(context, tag);
  const problem = await pullImage(context, tag);
  const after = await inspectImage(context, tag);
  if (!after) throw fail('Usage', `image ${tag} of ${service} is neither on this host nor in its registry: ${problem}`);
  if (before && before.id !== after.id) {
    await tagImage(context, before.id, tag);
    const how = `docker rmi ${tag}, once you know that the registry is right`;
    throw fail('Usage', `${tag} is ${shortId(before.id)} here and ${shortId(after.id)} in its registry: ${how}`);
  }
  if (problem) context.progress(`${tag} could not be asked of its registry; the one on this host counts`);
  return imageRecord(after, tag);
}

async function digestOf(context: StepContext, image: ReleaseImage): Promise<{ digest?: string }> {
  const here = await inspectImage(context, image.id);
  const { digest } = here ? imageRecord(here, image.tag) : image;
  return digest ? { digest } : {};
}
