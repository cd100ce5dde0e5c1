import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';

/** What the engine knows of an image on this host. */
export interface LocalImage {
  id: string;
  /** `name@sha256:…`, one for each registry it was pulled from or pushed to. */
  digests: string[];
  /** `name:tag` */
  tags: string[];
  bytes: number;
  /** Where its commands run, and relative paths start. */
  workdir: string;
}

/** By `name:tag`, `name@sha256:…` or id; undefined where it is not on this host. Throws CommandFailed without an engine. */
export async function inspectImage(context: StepContext, reference: string): Promise<LocalImage | undefined> {
  const argv = ['docker', 'image', 'inspect', '--format', '{{json .}}', reference];
  const { exitCode, stdout = '', tail } = await context.look({ argv, ok: [0, 1] });
  if (exitCode === 0) return readImage(JSON.parse(stdout) as Inspected);
  if (/no such image/i.test(tail)) return undefined;
  throw fail('CommandFailed', `docker cannot say whether it has ${reference}: ${tail.trim().split('\n').at(-1)}`);
}

/** Why it could not be pulled; undefined once it is here. Touches nothing that runs. */
export async function pullImage(context: StepContext, reference: string): Promise<string | undefined> {
  context.progress(`pulling ${reference}`);
  const argv = ['docker', 'pull', '--quiet', reference];
  const { exitCode, tail } = await context.read({ argv, ok: [0, 1], deadlineMs: 60 * 60_000 });
  return exitCode === 0 ? undefined : (tail.trim().split('\n').at(-1) ?? 'it printed nothing');
}

/** Whether its registry has it, without pulling it. */
export async function isInRegistry(context: StepContext, reference: string): Promise<boolean> {
  // The engine speaks HTTP with loopback registries; the client has to be told so.
  const insecure = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?\//.test(reference) ? ['--insecure'] : [];
  const argv = ['docker', 'manifest', 'inspect', ...insecure, reference];
  return (await context.read({ argv, ok: [0, 1], deadlineMs: 60_000 })).exitCode === 0;
}

/** Idempotent; the tag is seen to be there afterwards. */
export async function tagImage(context: StepContext, id: string, tag: string): Promise<void> {
  if ((await inspectImage(context, tag))?.id === id) return;
  await context.read({ argv: ['docker', 'tag', id, tag] });
  if ((await inspectImage(context, tag))?.id !== id)
    throw fail('ImageRefused', `${tag} does not name ${shortId(id)} although it was tagged: look with docker images`);
}

/** As `docker images` shows it. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

interface Inspected {
  Id: string;
  RepoDigests: string[] | null;
  RepoTags: string[] | null;
  Size: number;
  Config: { WorkingDir?: string } | null;
}

function readImage({ Id, RepoDigests, RepoTags, Size, Config }: Inspected): LocalImage {
  return { id: Id, digests: RepoDigests ?? [], tags: RepoTags ?? [], bytes: Size, workdir: Config?.WorkingDir || '/' };
}
