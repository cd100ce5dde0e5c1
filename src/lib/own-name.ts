import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bootId, isAlive, ownIdentity } from './process-identity.js';

let names = 0;

/** A name for scratch, another one each time, that tells which process it is of: whoever finds it later knows whether anybody still uses it. */
export function ownName(prefix = ''): string {
  const { pid, startTime } = ownIdentity();
  return `${prefix}${pid}-${startTime}-${(names += 1)}`;
}

/** Paths of what in that folder has such a name, of a process that is gone. */
export async function abandonedIn(folder: string, prefix = ''): Promise<string[]> {
  const found = await readdir(folder).catch(() => []);
  return found
    .filter((name) => name.startsWith(prefix) && isOfDead(name.slice(prefix.length)))
    .map((name) => join(folder, name));
}

/** Removes it. */
export async function removeAbandoned(folder: string, prefix = ''): Promise<void> {
  for (const path of await abandonedIn(folder, prefix)) await rm(path, { recursive: true, force: true });
}

function isOfDead(name: string): boolean {
  const [, pid, startTime = ''] = /^(\d+)-(\d+)-\d+$/.exec(name) ?? [];
  return pid !== undefined && !isAlive({ bootId: bootId(), pid: Number(pid), startTime });
}
