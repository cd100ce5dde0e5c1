import { stat } from 'node:fs/promises';
import { dirname, posix, relative } from 'node:path';
import type { StepContext } from '../../context.js';
import { serviceContainers } from '../../runtime/inside.js';

/**
 * Where a service has the folder of that file of this host, once for each of its mounts that holds it; [] where it has no container, or the
 * file in none. Mounts are known by what they are, since a volume may lie elsewhere than its engine says.
 */
export async function foldersInside(context: StepContext, service: string, file: string): Promise<string[]> {
  const [container] = await serviceContainers(context.definition, (request) => context.look(request), service);
  const folder = dirname(file);
  const above = new Map<string, string>();
  for (let here = folder; ; here = dirname(here)) {
    const identity = await identityOf(here);
    if (identity) above.set(identity, relative(here, folder));
    if (here === dirname(here)) break;
  }
  const found: string[] = [];
  for (const { source, target } of container?.mounts ?? []) {
    const below = above.get((await identityOf(source)) ?? '');
    if (below !== undefined) found.push(posix.join(target, below));
  }
  return found;
}

async function identityOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}
