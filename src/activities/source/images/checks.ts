import { statfs } from 'node:fs/promises';
import { posix } from 'node:path';
import { rootMessage } from '../../../errors.js';
import type { CheckResult, Release, ReleaseImage } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { gitOutput, gitRecords } from '../git-command.js';
import { inspectImage, isInRegistry, shortId } from './docker.js';
import { basesOf } from './dockerfile.js';
import { isBuilt } from './known.js';
import { servicesOf } from './names.js';
import { askTag } from './obtain.js';
import { runningImages } from './running.js';
import { isAskedByTag, moved } from './stage.js';

/** What `fetch` and a rollback will need: an engine, each image or what it is built from, the images before, and room. */
export async function checkImages(context: StepContext, release: Release): Promise<CheckResult[]> {
  const engine = await checkEngine(context);
  if (engine.outcome === 'fail') return [engine];
  const services = servicesOf(context.definition);
  const results = await Promise.all([
    ...services.map((service) => checkImage(context, release, service)),
    ...(context.run.previous?.images ? [checkPrevious(context, context.run.previous.images)] : []),
    checkRoom(context, release),
  ]);
  return [engine, ...results];
}

async function checkEngine(context: StepContext): Promise<CheckResult> {
  const argv = ['docker', 'version', '--format', '{{.Server.Version}}'];
  const answer = await context.read({ argv, deadlineMs: 30_000 }).then(
    ({ stdout }) => ({ ok: true, seen: stdout?.trim() ?? '' }),
    (error: unknown) => ({ ok: false, seen: rootMessage(error) }),
  );
  return unasked('docker', answer.ok, 'a Docker engine answers', answer.seen, where(context));
}

async function checkImage(context: StepContext, release: Release, service: string): Promise<CheckResult> {
  const image = release.images?.[service];
  const what = image ? `${image.tag} is ${shortId(image.id)}, here or in its registry` : 'it can be built';
  const look = image ? lookForImage(context, release, service, image) : lookForBuild(context, release, service);
  const problem = await look.catch(rootMessage);
  return unasked(
    `image-${service}`,
    problem === undefined,
    what,
    problem ?? (image ? 'it is' : 'it can'),
    where(context, service),
  );
}

async function lookForImage(
  context: StepContext,
  release: Release,
  service: string,
  image: ReleaseImage,
): Promise<string | undefined> {
  if (isAskedByTag(context, release, service)) {
    const now = await askTag(context, service, image.tag);
    return now.id === image.id ? undefined : moved(service, image, now).message;
  }
  const named = await inspectImage(context, image.tag);
  if (release.run === undefined && named && named.id !== image.id)
    return `${image.tag} is another image here, ${shortId(named.id)}: find out why, then docker rmi ${image.tag}`;
  if (await inspectImage(context, image.id)) return undefined;
  if (image.digest && (await isInRegistry(context, image.digest))) return undefined;
  return `it is gone from this host${image.digest ? `, and ${image.digest} from its registry` : ', and no registry had it'}`;
}

/** Read from the commit: nothing is staged yet. */
async function lookForBuild(context: StepContext, release: Release, service: string): Promise<string | undefined> {
  const { build = '.', dockerfile = 'Dockerfile' } = context.definition.source.images?.[service] ?? {};
  if (!isBuilt(context, service)) return 'nothing is known of it';
  const path = posix.join(build, dockerfile);
  const [file] = await gitRecords(context, ['ls-tree', '-z', '--name-only', release.sha, '--', path]);
  if (!file) return `${release.version} has no ${path}`;
  const bases = basesOf(await gitOutput(context, ['show', `${release.sha}:${file}`]));
  const found = await Promise.all(
    bases.map(async (base) => (await inspectImage(context, base)) !== undefined || (await isInRegistry(context, base))),
  );
  const missing = bases.filter((_, index) => !found[index]);
  return missing.length > 0 ? `${path} starts from ${missing.join(', ')}: neither here nor in a registry` : undefined;
}

async function checkPrevious(context: StepContext, images: Record<string, ReleaseImage>): Promise<CheckResult> {
  const expected = 'the images of the running release are here, so that it can be taken back';
  const gone: string[] = [];
  for (const [service, { id, tag }] of Object.entries(images))
    if (!(await inspectImage(context, id))) gone.push(`${service}: ${tag} (${shortId(id)})`);
  return unasked(
    'images-before',
    gone.length === 0,
    expected,
    gone.length > 0 ? `gone: ${gone.join(', ')}` : 'they are',
    where(context),
  );
}

/** Judged by the images that run now, since what is built or pulled shares little with them in the worst case. */
async function checkRoom(context: StepContext, release: Release): Promise<CheckResult> {
  const ids = Object.values(await runningImages(context)).flat();
  const here = await Promise.all([...new Set(ids)].map((id) => inspectImage(context, id)));
  const running = here.reduce((sum, image) => sum + (image?.bytes ?? 0), 0);
  const known = Object.values(release.images ?? {});
  const allHere =
    known.length === servicesOf(context.definition).length &&
    (await Promise.all(known.map(({ id }) => inspectImage(context, id)))).every(Boolean);
  const needed = allHere ? 0 : Math.max(running * 1.2, 200e6);
  const root =
    (await context.read({ argv: ['docker', 'info', '--format', '{{.DockerRootDir}}'] })).stdout?.trim() ?? '';
  const expected = `${Math.ceil(needed / 1e6)} MB free for images in ${root}`;
  const room = await statfs(root).catch(() => undefined);
  if (!room) {
    const seen = 'the engine keeps them on another machine';
    return { ...unasked('room-for-images', true, expected, seen, where(context)), outcome: 'n/a' };
  }
  const free = room.bavail * room.bsize;
  return unasked('room-for-images', free > needed, expected, `${Math.floor(free / 1e6)} MB`, where(context));
}

function where({ definition }: StepContext, service?: string): string {
  const { positions } = definition;
  return positions[`source.images.${service}`] ?? positions['source.images'] ?? 'unasked';
}
