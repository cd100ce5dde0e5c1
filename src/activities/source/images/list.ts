import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix, relative } from 'node:path';
import { ownName } from '../../../lib/own-name.js';
import { fail } from '../../../errors.js';
import type { Release } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { inspectImage } from './docker.js';
import { servicesOf } from './names.js';
import { obtainImage } from './obtain.js';
import { imagesOf } from './record.js';

/** Names in a folder of the image whose service migrates, relative to its working directory; nothing of the image is run. */
export async function listImageFolder(context: StepContext, release: Release, folder: string): Promise<string[]> {
  return withFolder(context, release, folder, async (copy) => (await readdir(copy)).sort(), []);
}

/** @see Source.texts */
export async function readImageTexts(
  context: StepContext,
  release: Release,
  folder: string,
  wanted: RegExp,
): Promise<Record<string, string>> {
  const read = async (copy: string) => {
    const entries = await readdir(copy, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const names = files.map((path) => relative(copy, path)).filter((name) => wanted.test(name));
    const texts = names.sort().map(async (name) => [name, await readFile(join(copy, name), 'utf8')] as const);
    return Object.fromEntries(await Promise.all(texts));
  };
  return withFolder(context, release, folder, read, {});
}

/** A copy of the folder, for as long as it is used; `none` where the image does not have it. */
/** Of folders that a killed worker's copy of an image's files may have left in the temp folder. */
export const copyPrefix = 'slipway-image-';

async function withFolder<T>(
  context: StepContext,
  release: Release,
  folder: string,
  use: (copy: string) => Promise<T>,
  none: T,
): Promise<T> {
  const service = migratingService(context);
  const image = (await imagesOf(context, release))[service];
  if (!image) throw fail('ImageRefused', `nothing is known of the image of ${service} in ${release.version}`);
  await obtainImage(context, service, image);
  const workdir = (await inspectImage(context, image.id))?.workdir ?? '/';
  const copy = join(tmpdir(), ownName(copyPrefix));
  await mkdir(copy, { mode: 0o700 });
  // A container that is never started: what it holds can be copied out, whatever the image lacks.
  const name = `slipway-files-${randomUUID().slice(0, 8)}`;
  try {
    await context.read({ argv: ['docker', 'create', '--name', name, '--entrypoint', '/none', image.id, 'none'] });
    const from = `${name}:${posix.resolve(workdir, folder)}/.`;
    const { exitCode, tail } = await context.read({ argv: ['docker', 'cp', from, copy], ok: [0, 1] });
    if (exitCode === 0) return await use(copy);
    if (/could not find the file|no such file|no such container:path/i.test(tail)) return none;
    throw fail('CommandFailed', `${folder} of ${image.tag} cannot be read: ${tail.trim().split('\n').at(-1)}`);
  } finally {
    await context.read({ argv: ['docker', 'rm', '--force', name], ok: [0, 1] });
    await rm(copy, { recursive: true, force: true });
  }
}

function migratingService({ definition }: StepContext): string {
  const places = Object.values(definition.migrations ?? {}).map((tool: { in?: string }) => tool.in);
  const services = servicesOf(definition);
  return places.find((place) => place !== undefined && services.includes(place)) ?? services[0] ?? '';
}
