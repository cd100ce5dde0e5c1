import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJson, writeAtomic } from '../../../lib/files.js';
import type { Images, Release } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { isPlugin } from '../../runtime/compose/arguments.js';

type Place = Pick<StepContext, 'folder' | 'run'>;

/** A release's images as far as they are known: from its plan or history, and what this run's `fetch` built. */
export async function imagesOf(context: Place, release: Release): Promise<Images> {
  return { ...(await readJson<Images>(pathOf(context, release, 'json'))), ...release.images };
}

/**
 * The compose file that pins each service to its image by id: the last `-f` wherever that release is started. There once `fetch` is
 * done, also for the release before. Two releases of one commit may have been built differently, so the run names it.
 */
export function imagesOverride(context: Place, release: Release): string {
  return pathOf(context, release, 'compose.yaml');
}

/** What `fetch` found for a release. Compose v1 cannot take a `build` away; nothing of ours builds by it. */
export async function writeImages(context: StepContext, release: Release, images: Images): Promise<void> {
  const unbuilt = isPlugin(context.definition) ? ' build: !reset null,' : '';
  const services = Object.entries(images).map(
    ([service, { id, tag }]) => `  # ${tag}\n  ${service}: { image: '${id}',${unbuilt} pull_policy: never }`,
  );
  await mkdir(dirname(imagesOverride(context, release)), { recursive: true, mode: 0o700 });
  await writeAtomic(pathOf(context, release, 'json'), JSON.stringify(images, null, 2));
  await writeAtomic(imagesOverride(context, release), ['services:', ...services, ''].join('\n'));
}

function pathOf(context: Place, release: Release, kind: 'json' | 'compose.yaml'): string {
  return join(context.folder, 'images', `${release.run ?? context.run.id}.${kind}`);
}
