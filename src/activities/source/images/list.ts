import { readdir } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { fail } from '../../../errors.js';
import type { Release } from '../../../model.js';
import type { StepContext } from '../../context.js';
import { inspectImage } from './docker.js';
import { servicesOf } from './names.js';
import { obtainImage } from './obtain.js';
import { imagesOf } from './record.js';

/** Names in a folder of the image whose service migrates, relative to its working directory; nothing of the image is run. */
export async function listImageFolder(context: StepContext, release: Release, folder: string): Promise<string[]> {
  const service = migratingService(context);
  const image = (await imagesOf(context, release))[service];
  if (!image) throw fail('ImageRefused', `nothing is known of the image of ${service} in ${release.version}`);
  await obtainImage(context, service, image);
  const workdir = (await inspectImage(context, image.id))?.workdir ?? '/';
  const copy = await mkdtemp(join(tmpdir(), 'slipway-image-'));
  // A container that is never started: what it holds can be copied out, whatever the image lacks.
  const name = `slipway-files-${posix.basename(copy).slice(-6)}`;
  try {
    await context.read({ argv: ['docker', 'create', '--name', name, '--entrypoint', '/none', image.id, 'none'] });
    const from = `${name}:${posix.resolve(workdir, folder)}/.`;
    const { exitCode, tail } = await context.read({ argv: ['docker', 'cp', from, copy], ok: [0, 1] });
    if (exitCode === 0) return (await readdir(copy)).sort();
    if (/could not find the file|no such file|no such container:path/i.test(tail)) return [];
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
