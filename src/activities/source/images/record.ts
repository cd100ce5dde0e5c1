import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJson, writeAtomic } from '../../../lib/files.js';
import type { Images, Release, ReleaseImage } from '../../../model.js';
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

/** What `fetch` found for a release. */
export async function writeImages(context: StepContext, release: Release, images: Images): Promise<void> {
  await write(context, release, 'json', images);
}

/** Images of services that no release brings, which are pinned beside its own. */
export async function writeForeign(context: StepContext, release: Release, images: Images): Promise<void> {
  await write(context, release, 'foreign.json', images);
}

/** Where `writeForeign` wrote them. */
export function foreignImages(context: Place, release: Release): string {
  return pathOf(context, release, 'foreign.json');
}

/** All that `imagesOverride` pins, by service. */
export async function pinnedImages(context: Place, release: Release): Promise<Images> {
  const read = async (path: string) => (await readJson<Images>(path)) ?? {};
  return { ...(await read(foreignImages(context, release))), ...(await read(pathOf(context, release, 'json'))) };
}

/** Whether `fetch` found images of the release itself. */
export function hasImages(context: Place, release: Release): boolean {
  return existsSync(pathOf(context, release, 'json'));
}

/** Compose v1 cannot take a `build` away; nothing of ours builds by it. */
async function write(
  context: StepContext,
  release: Release,
  kind: 'json' | 'foreign.json',
  images: Images,
): Promise<void> {
  await mkdir(dirname(imagesOverride(context, release)), { recursive: true, mode: 0o700 });
  await writeAtomic(pathOf(context, release, kind), JSON.stringify(images, null, 2));
  const own = (await readJson<Images>(pathOf(context, release, 'json'))) ?? {};
  const foreign = (await readJson<Images>(foreignImages(context, release))) ?? {};
  const unbuilt = isPlugin(context.definition) ? ' build: !reset null,' : '';
  const line = ([service, { id, tag }]: [string, ReleaseImage], more: string) =>
    `  # ${tag}\n  ${service}: { image: '${id}',${more} pull_policy: never }`;
  const lines = [
    ...Object.entries(own).map((one) => line(one, unbuilt)),
    ...Object.entries(foreign).flatMap((one) => (one[0] in own ? [] : [line(one, '')])),
  ];
  // An empty map is no map to compose.
  const text = lines.length > 0 ? ['services:', ...lines, ''].join('\n') : 'services: {}\n';
  await writeAtomic(imagesOverride(context, release), text);
}

function pathOf(context: Place, release: Release, kind: 'json' | 'foreign.json' | 'compose.yaml'): string {
  return join(context.folder, 'images', `${release.run ?? context.run.id}.${kind}`);
}
