import { createHash } from 'node:crypto';
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail } from '../../../errors.js';
import { makeFolder, temporaries, writeAtomic } from '../../../lib/files.js';
import { removeAbandoned } from '../../../lib/own-name.js';

/** Where one store lies on this host, and where its copies stand: beside it, so that a rename puts them in its place. */
export interface Place {
  store: string;
  run: string;
  /** The file or folder itself, through all links. */
  live: string;
  /** Folder of the copies. */
  beside: string;
}

/** s: standby copy. r: replaced. */
export type Side = 's' | 'r';

/** Throws NoRights where not even the folder that holds it is there. */
export async function placeOf(store: string, run: string, path: string): Promise<Place> {
  const live = await realpath(path).catch(async () => {
    const folder = await realpath(dirname(path)).catch(() => undefined);
    if (folder !== undefined) return join(folder, basename(path));
    throw fail('NoRights', `${dirname(path)}, where ${store} lies, is not there, or cannot be entered`);
  });
  return { store, run, live, beside: join(dirname(live), '.slipway') };
}

/** The same for the same `about`. */
export function sidePath({ live, beside }: Place, side: Side, ...about: string[]): string {
  const hash = createHash('sha256')
    .update([live, ...about].join('\0'))
    .digest('hex')
    .slice(0, 12);
  return join(beside, `${basename(live)}.${side}-${hash}`);
}

export function isSideOf({ live }: Place, name: string): boolean {
  const start = `${basename(live)}.`;
  return name.startsWith(start) && /^[sr]-[0-9a-f]{12}(?:\.part)?$/.test(name.slice(start.length));
}

/** For the worker's user alone; Git does not see it. What a killed worker was writing there goes. */
export async function makeBeside({ beside }: Place): Promise<void> {
  await makeFolder(beside);
  await removeAbandoned(beside, temporaries);
  await writeAtomic(join(beside, '.gitignore'), '*\n');
}

/** What tells a file from every other one that stood or stands under its name; `none` where there is nothing. */
export async function identityOf(path: string): Promise<string> {
  const found = await lstat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return found ? String(found.ino) : 'none';
}
