import { readFile, readdir, stat } from 'node:fs/promises';
import { fail } from '../../../errors.js';

/** Throws NotStopped where a process of this host has one of the files open: it would go on writing into what is no longer there. Sees as much as the worker's user may. */
export async function refuseOpen(paths: string[]): Promise<void> {
  const wanted = new Map<string, string>();
  for (const path of paths) {
    const key = await keyOf(path);
    if (key) wanted.set(key, path);
  }
  const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    const found = await openBy(pid, wanted);
    if (found === undefined) continue;
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?')).trim();
    throw fail('NotStopped', `${name} (pid ${pid}) has ${found} open: stop it, then try again`);
  }
}

async function openBy(pid: string, wanted: Map<string, string>): Promise<string | undefined> {
  const folder = `/proc/${pid}/fd`;
  // Processes end while they are looked at, and not every user may look at all of them.
  const descriptors = await readdir(folder).catch(() => []);
  const keys = await Promise.all(descriptors.map((name) => keyOf(`${folder}/${name}`)));
  return keys.map((key) => key && wanted.get(key)).find((path) => path !== undefined);
}

async function keyOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}
