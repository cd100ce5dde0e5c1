import type { Release } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { inspectImage, shortId } from './docker.js';
import { pinOf } from './names.js';
import { imagesOf } from './record.js';

/**
 * Makes each tag of the release name its very image: scripts start by tag. An image that had the tag before keeps a name of ours, so that
 * nothing is lost by it.
 */
export async function pointTags(context: StepContext, release: Release): Promise<string[]> {
  const pointed: string[] = [];
  for (const [service, { id, tag }] of Object.entries(await imagesOf(context, release))) {
    const now = await inspectImage(context, tag);
    if (now?.id === id) continue;
    if (now) {
      const aside = pinOf(context.run.environment, service, `replaced-${shortId(now.id)}`);
      await context.change(`keep-${service}-${shortId(now.id)}`, { argv: ['docker', 'tag', now.id, aside] });
    }
    await context.change(`tag-${service}-${shortId(id)}`, { argv: ['docker', 'tag', id, tag] });
    pointed.push(`${tag} is ${shortId(id)}`);
  }
  return pointed;
}
