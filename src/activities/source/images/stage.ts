import { join } from 'node:path';
import { fail } from '../../../errors.js';
import { allEnded } from '../../../lib/all-ended.js';
import type { Images, Release, ReleaseImage } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { inspectImage, shortId, tagImage } from './docker.js';
import { isBuilt } from './known.js';
import { imageRecord, pinOf, servicesOf, tagOf } from './names.js';
import { askTag, obtainImage } from './obtain.js';
import { imagesOf, writeImages } from './record.js';

/**
 * Builds or pulls the release's images and pins them, so that nothing prunes them, and writes down what they are. No tag that anything
 * starts from is touched. Throws ImageRefused, CommandFailed.
 */
export async function stageImages(context: StepContext, release: Release): Promise<Images> {
  const known = await imagesOf(context, release);
  const made = await allEnded(
    servicesOf(context.definition).map(async (service) => {
      const had = known[service];
      const image = had ? await stagedAs(context, release, service, had) : await buildImage(context, release, service);
      await tagImage(context, image.id, pinOf(context.run.environment, service, release.run ?? context.run.id));
      return [service, image] as const;
    }),
  );
  const images = Object.fromEntries(made);
  await writeImages(context, release, images);
  return images;
}

/** What is running now stays until this run and its rollback have ended. */
export async function keepPrevious(context: StepContext): Promise<void> {
  const { previous, environment } = context.run;
  if (!previous?.images) return;
  for (const [service, image] of Object.entries(previous.images)) {
    await obtainImage(context, service, image);
    await tagImage(context, image.id, pinOf(environment, service, previous.run ?? `${context.run.id}-before`));
  }
  await writeImages(context, previous, previous.images);
}

async function stagedAs(
  context: StepContext,
  release: Release,
  service: string,
  had: ReleaseImage,
): Promise<ReleaseImage> {
  if (isAskedByTag(context, release, service)) {
    const now = await askTag(context, service, had.tag);
    if (now.id !== had.id) throw moved(service, had, now);
  }
  return obtainImage(context, service, had);
}

/** Whether people agreed to what a tag meant, which may mean something else since. */
export function isAskedByTag(context: StepContext, release: Release, service: string): boolean {
  return release.run === undefined && !isBuilt(context, service) && !context.definition.promote_from;
}

export function moved(service: string, planned: ReleaseImage, now: ReleaseImage): Error {
  const [then, here] = [planned, now].map(({ id }) => shortId(id));
  return fail(
    'ImageRefused',
    `${planned.tag} of ${service} was moved: the plan has ${then}, it is ${here} now: start anew`,
  );
}

async function buildImage(context: StepContext, release: Release, service: string): Promise<ReleaseImage> {
  const tag = tagOf(context.definition, service, release);
  const pin = pinOf(context.run.environment, service, context.run.id);
  context.progress(`building ${tag}`);
  const argv = buildArgv(context.definition.source.images?.[service], pin, context.staged(release));
  await context.read({ argv, cwd: context.staged(release), deadlineMs: 2 * 60 * 60_000 });
  const image = await inspectImage(context, pin);
  if (!image) throw fail('ImageRefused', `${pin} is not there although its build ended well: look with docker images`);
  return imageRecord(image, tag);
}

/** @param code the release's worktree */
export function buildArgv(source: { build?: string; dockerfile?: string } = {}, tag: string, code: string): string[] {
  const directory = join(code, source.build ?? '.');
  return ['docker', 'build', '--file', join(directory, source.dockerfile ?? 'Dockerfile'), '--tag', tag, directory];
}
