import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, readdir, readlink } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fail } from '../errors.js';
import { readJson, writeAtomic } from '../lib/files.js';
import type { StepContext } from './context.js';

/** What a protected file was: its size and the sha256 of that many bytes. */
type Seen = Record<string, { bytes: number; sha256: string }>;

/**
 * Does what must not touch `files.protect`, and proves by hashes from before and after that it did not. What only grew, or is new, was
 * written by somebody else (a log): it is noted, and no failure. Throws DataRefused, naming the first files that were changed or are gone.
 */
export async function protecting<T>(context: StepContext, work: () => Promise<T>): Promise<T> {
  const paths = context.definition.files?.protect ?? [];
  if (paths.length === 0) return work();
  const { step, undo, try: turn } = context.at;
  const file = join(context.folder, 'protected', `${undo ? 'undo-' : ''}${step}-${turn}.json`);
  const before = (await readJson<Seen>(file)) ?? (await look(context, paths));
  await mkdir(join(context.folder, 'protected'), { recursive: true, mode: 0o700 });
  // A second attempt compares with what the first one saw.
  await writeAtomic(file, JSON.stringify(before));
  const result = await work();
  const harmed = await differences(context, before);
  if (harmed.length > 0)
    throw fail('DataRefused', `${step} must not touch ${paths.join(', ')}, yet ${harmed.slice(0, 5).join(', ')}`);
  await context.record('protected', 'protected', { paths, files: Object.keys(before).length });
  return result;
}

async function look(context: StepContext, paths: string[]): Promise<Seen> {
  const seen: Seen = {};
  for (const path of paths)
    for (const file of await filesBelow(resolve(context.definition.directory, path))) {
      context.progress(`hashing ${relative(context.definition.directory, file)}`);
      const { size } = await lstat(file);
      seen[file] = { bytes: size, sha256: (await hashStart(file, size)) ?? '' };
    }
  return seen;
}

async function differences({ definition }: StepContext, before: Seen): Promise<string[]> {
  const found: string[] = [];
  for (const [file, { bytes, sha256 }] of Object.entries(before)) {
    const now = await hashStart(file, bytes);
    const name = relative(definition.directory, file);
    if (now !== sha256) found.push(`${name} ${now === undefined ? 'is gone' : 'was changed'}`);
  }
  return found;
}

/** Links count by where they point; what they point at is not below the path. */
async function filesBelow(path: string): Promise<string[]> {
  const entry = await lstat(path).catch(() => undefined);
  if (!entry) return [];
  if (!entry.isDirectory()) return entry.isFile() || entry.isSymbolicLink() ? [path] : [];
  const names = (await readdir(path)).sort();
  return (await Promise.all(names.map((name) => filesBelow(join(path, name))))).flat();
}

/** undefined where it is gone. */
async function hashStart(file: string, bytes: number): Promise<string | undefined> {
  const entry = await lstat(file).catch(() => undefined);
  if (!entry) return undefined;
  const hash = createHash('sha256');
  if (entry.isSymbolicLink()) hash.update(await readlink(file));
  else if (bytes > 0) await pipeline(createReadStream(file, { end: bytes - 1, highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
