import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StepContext } from '../../context.js';
import type { Link } from './link.js';
import { isOfHost } from './reach.js';

/** Free bytes in a folder of the server; undefined where it cannot be seen. */
export async function freeAtServer(
  context: StepContext,
  link: Link,
  path: string | undefined,
): Promise<number | undefined> {
  if (path === undefined) return undefined;
  if (!link.inside) return isOfHost(link.admin) ? freeBytes(path) : undefined;
  const { stdout = '' } = await context.read({ in: link.inside.service, argv: ['df', '-Pk', path], ok: [0, 1] });
  const [, available] = /\s(\d+)\s+\d+%\s/.exec(stdout) ?? [];
  return available === undefined ? undefined : Number(available) * 1024;
}

export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    // A folder that will be made lies on the filesystem of its parent.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) return undefined;
    return freeBytes(dirname(path));
  }
}

export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
