import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import { beganAt } from '../../keeping/places.js';
import { inspectImage, type LocalImage } from './docker.js';
import { pinOf, servicesOf } from './names.js';

/** An image that a run pinned. */
export interface KeptImage {
  /** `slipway/<environment>/<service>:<run>` */
  name: string;
  run: string;
  /** When that run began; null where its name does not tell. */
  at: string | null;
  bytes: number | null;
  /** Whether a container, running or not, is made of it, and no other name keeps it. */
  used: boolean;
}

/** All that runs of this environment pinned. Throws CommandFailed without an engine. */
export async function keptImages(context: StepContext): Promise<KeptImage[]> {
  const { definition } = context;
  if (servicesOf(definition).length === 0 && !definition.runtime.compose) return [];
  return Promise.all((await pinsOf(context)).map((name) => look(context, name)));
}

/** Takes the name away; the image goes with its last one. Gone already → no-op. Throws Held while a container is made of it. */
export async function removeImage(context: StepContext, name: string): Promise<void> {
  const image = await inspectImage(context, name);
  if (!image) return;
  if (await isUsed(context, image, name)) throw fail('Held', `a container is made of ${name}: it stays`);
  await context.read({ argv: ['docker', 'image', 'rm', name] });
}

/** Of all services, also those that no release brings. */
async function pinsOf(context: StepContext): Promise<string[]> {
  const reference = pinOf(context.definition.environment, 'x', '*').replace('/x:', '/*:');
  const format = '{{.Repository}}:{{.Tag}}';
  const argv = ['docker', 'image', 'ls', '--format', format, '--filter', `reference=${reference}`];
  const { stdout = '' } = await context.read({ argv });
  return stdout.split('\n').filter(Boolean);
}

async function look(context: StepContext, name: string): Promise<KeptImage> {
  const tag = name.slice(name.lastIndexOf(':') + 1);
  const image = await inspectImage(context, name);
  return {
    name,
    // The version before a first release has no run of its own.
    run: tag.replace(/-before$/, ''),
    at: beganAt(tag),
    bytes: image?.bytes ?? null,
    used: image !== undefined && (await isUsed(context, image, name)),
  };
}

/** Where it has another name as well, nothing is lost with this one: what compose names stays the same over many runs. */
async function isUsed(context: StepContext, { tags }: LocalImage, name: string): Promise<boolean> {
  if (tags.length > 1) return false;
  const argv = ['docker', 'ps', '--all', '--quiet', '--filter', `ancestor=${name}`];
  return ((await context.read({ argv })).stdout ?? '').trim() !== '';
}
