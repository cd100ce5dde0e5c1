import { fail } from '../../../errors.js';
import { readJson } from '../../../lib/files.js';
import type { CheckResult, Definition, Images, Release } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { inspectImage, shortId, tagImage } from '../../source/images/docker.js';
import { pinOf } from '../../source/images/names.js';
import { foreignImages, pinnedImages, writeForeign } from '../../source/images/record.js';
import { containersOf, type Project } from './project.js';

/** By service, the images that compose names and no release builds or pulls: a proxy, a cache. Anybody's `docker pull` moves their tags. */
export function foreignOf({ source }: Definition, { services, built, images }: Project): Record<string, string> {
  const released = Object.keys(source.images ?? {});
  const others = services.filter((service) => !built.includes(service) && !released.includes(service));
  return Object.fromEntries(others.flatMap((service) => (images[service] ? [[service, images[service]]] : [])));
}

/** Ids of what those names mean on this host; one that is not here is left out. */
export async function idsHere(context: StepContext, names: string[]): Promise<Map<string, string>> {
  const found = await Promise.all(
    [...new Set(names)].map(async (name) => {
      const image = await inspectImage(context, name);
      return image ? ([[name, image.id]] as const) : [];
    }),
  );
  return new Map(found.flat());
}

/** Lines for the plan, so that a tag that was moved since makes it another one. */
export async function foreignLines(context: StepContext, project: Project): Promise<string[]> {
  const foreign = foreignOf(context.definition, project);
  const here = await idsHere(context, Object.values(foreign));
  return Object.entries(foreign).map(
    ([service, name]) => `# ${service}: ${name} is ${shortId(here.get(name) ?? 'not here')}`,
  );
}

/** Throws ImageRefused where a name means another image now than in the plan that people agreed to. */
export async function refuseMoved(context: StepContext, project: Project, agreed: string[]): Promise<void> {
  const moved = (await foreignLines(context, project)).filter((line) => !agreed.includes(line));
  if (moved.length === 0) return;
  const told = moved.map((line) => line.replace('# ', '')).join('; ');
  throw fail(
    'ImageRefused',
    `the plan has other images, which people agreed to, than are here now: ${told}: start anew`,
  );
}

/**
 * Pins these images by id, for as long as the run and its rollback may need them: for the release that comes what its own run had, else what the
 * names mean now; for the one that runs what its containers have. `live` is what runs, undefined where nothing does.
 */
export async function pinForeign(
  context: StepContext,
  release: Release,
  project: Project,
  live: Project | undefined,
): Promise<void> {
  const { previous } = context.run;
  await pin(context, release, { ...(await meant(context, project)), ...(await hadThen(context, release)) });
  if (live && previous?.run !== undefined && previous.run !== release.run)
    await pin(context, previous, { ...(await meant(context, live)), ...(await running(context, live)) });
}

async function pin(context: StepContext, release: Release, images: Images): Promise<void> {
  for (const [service, { id }] of Object.entries(images))
    await tagImage(context, id, pinOf(context.run.environment, service, release.run ?? context.run.id));
  await writeForeign(context, release, images);
}

async function meant(context: StepContext, project: Project): Promise<Images> {
  const foreign = foreignOf(context.definition, project);
  const here = await idsHere(context, Object.values(foreign));
  return Object.fromEntries(
    Object.entries(foreign).flatMap(([service, tag]) =>
      here.has(tag) ? [[service, { tag, id: here.get(tag)! }]] : [],
    ),
  );
}

/** Where it ran here before, and its images are still here. */
async function hadThen(context: StepContext, release: Release): Promise<Images> {
  if (release.run === undefined) return {};
  const then = await readJson<Images>(
    foreignImages({ folder: context.folderOf(release.run), run: context.run }, release),
  );
  const kept = await Promise.all(
    Object.entries(then ?? {}).map(async (one) => ((await inspectImage(context, one[1].id)) ? [one] : [])),
  );
  return Object.fromEntries(kept.flat());
}

async function running(context: StepContext, live: Project): Promise<Images> {
  const { ours } = await containersOf(context, live.services);
  const foreign = foreignOf(context.definition, live);
  return Object.fromEntries(
    ours.flatMap(({ service, image }) => (foreign[service] ? [[service, { id: image, tag: foreign[service] }]] : [])),
  );
}

/** Why nothing could be started of images that are pinned and not here any more; undefined where all are. */
export async function goneImages(context: StepContext, release: Release): Promise<Error | undefined> {
  const gone: string[] = [];
  for (const [service, { id, tag }] of Object.entries(await pinnedImages(context, release)))
    if (!(await inspectImage(context, id))) gone.push(`${service}: ${tag} (${shortId(id)})`);
  return gone.length === 0 ? undefined : fail('NotStarted', `images are gone from this host: ${gone.join(', ')}`);
}

/** What people should know of tags that may mean something else tomorrow; a release runs what is on this host. */
export async function checkForeign(context: StepContext, project: Project, where: string): Promise<CheckResult> {
  const foreign = foreignOf(context.definition, project);
  const [here, { ours }] = await Promise.all([
    idsHere(context, Object.values(foreign)),
    containersOf(context, project.ours),
  ]);
  const found: string[] = [];
  for (const { service, image, running: runs } of ours) {
    const name = foreign[service];
    const now = name && here.get(name);
    if (runs && now && now !== image)
      found.push(`${service} runs ${shortId(image)}, and ${name} is ${shortId(now)} here: the start takes that`);
  }
  for (const [service, name] of Object.entries(foreign)) {
    if (isLatest(name)) found.push(`${name} of ${service} names no version`);
    const policy = project.pulls[service];
    if (policy) found.push(`pull_policy: ${policy} of ${service} is not followed: a release runs what is on this host`);
  }
  const expected = 'no image that is none of the release changes with it';
  return {
    ...unasked('foreign-images', found.length === 0, expected, found.join('; ') || 'none does', where),
    must: 'warn',
  };
}

function isLatest(name: string): boolean {
  if (name.includes('@')) return false;
  const tag = /:([^/:]+)$/.exec(name)?.[1] ?? 'latest';
  return tag === 'latest';
}
