import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import type { Dirent, Stats } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import type { CheckContext, Verdict } from './contract.js';
import { mismatch } from './expectation.js';
import { describe } from './matcher.js';
import type { Manner } from './matcher.js';
import { oneLine, showBytes, showMs } from './shown.js';
import { fillText } from './values.js';

interface Expected {
  exists?: boolean;
  writable?: boolean;
  size?: unknown;
  age?: unknown;
  newest?: unknown;
  contains?: unknown;
  mode?: string;
}
const units: Record<string, Pick<Manner, 'unit' | 'literal' | 'multiline'>> = {
  size: { unit: 'bytes' },
  age: { unit: 'duration' },
  newest: { unit: 'duration' },
  contains: { literal: 'part', multiline: true },
};
const words = ['exists', 'writable', 'mode', ...Object.keys(units)];
const LARGEST = 1024 * 1024;

/** Looks at a file or folder; without an expectation it has to be there. Follows symbolic links. */
export async function runFileCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const expected = (check.expect ?? {}) as Expected;
  const unknown = Object.keys(expected).find((key) => !words.includes(key));
  if (unknown) throw fail('Usage', `a file check cannot expect ${unknown}: there are ${words.join(', ')}`);
  const path = resolve(context.definition.directory, fillText(check.file ?? '', context));
  const { ok, seen } = await look(path, expected, context);
  return {
    ok,
    expected: oneLine(`${path}: ${describeExpected(expected, context)}`, context),
    seen: oneLine(seen, context),
  };
}

async function look(path: string, expected: Expected, scope: CheckContext): Promise<{ ok: boolean; seen: string }> {
  const found = await statOf(path);
  if (typeof found === 'string') return { ok: expected.exists === false && found === GONE, seen: found };
  if (expected.exists === false) return { ok: false, seen: `it is there, ${describeFile(found)}` };
  const problems: string[] = [];
  for (const word of Object.keys(units).filter((key) => expected[key as keyof Expected] !== undefined)) {
    const problem = await problemOf(word, expected[word as keyof Expected], path, found, scope);
    if (problem) problems.push(problem);
  }
  if (expected.writable !== undefined && (await isWritable(path)) !== expected.writable) {
    problems.push(
      expected.writable
        ? `the user that Slipway runs as (uid ${process.getuid?.()}) may not write it`
        : 'it is writable',
    );
  }
  const mode = modeOf(found);
  if (expected.mode !== undefined && expected.mode.padStart(4, '0') !== mode) problems.push(`its mode is ${mode}`);
  return { ok: problems.length === 0, seen: problems.join('; ') || `there, ${describeFile(found)}` };
}

async function problemOf(
  word: string,
  want: unknown,
  path: string,
  found: Stats,
  scope: CheckContext,
): Promise<string | undefined> {
  const manner: Manner = { scope, ...units[word] };
  if (word === 'size') return label('its size', mismatch(want, found.size, manner));
  if (word === 'age') return label('its age', mismatch(want, Date.now() - found.mtimeMs, manner));
  if (word === 'newest') {
    if (!found.isDirectory()) return 'it is a file: `newest` looks into a folder, `age` at a file';
    const newest = await newestIn(path);
    return newest === undefined
      ? 'there is no file in it'
      : label('its newest file', mismatch(want, Date.now() - newest, manner)?.concat(' old'));
  }
  if (found.isDirectory()) return 'it is a folder, so it contains no text';
  if (found.size > LARGEST)
    return `it is larger than 1 MiB (${showBytes(found.size)}): \`contains\` does not read that much`;
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (typeof text !== 'string') return `it cannot be read (${text.code})`;
  return mismatch(want, text, manner) && 'its content is not as expected';
}

const GONE = 'nothing is there';

async function statOf(path: string): Promise<Stats | string> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return GONE;
    return code === 'EACCES'
      ? `Slipway's user (uid ${process.getuid?.()}) may not look there`
      : `it cannot be looked at (${code})`;
  }
}

/** Time of the file in the folder, or below it, that was written last. */
async function newestIn(folder: string): Promise<number | undefined> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  const times = await Promise.all(files.map((entry) => timeOf(entry)));
  return times.reduce<number | undefined>(
    (newest, time) => (time !== undefined && (newest === undefined || time > newest) ? time : newest),
    undefined,
  );
}

/** A file that went while we looked is none. */
async function timeOf(entry: Dirent): Promise<number | undefined> {
  return (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.mtimeMs;
}

/** Root may write everywhere but on a read-only file system. */
async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function modeOf(found: Stats): string {
  return (found.mode & 0o7777).toString(8).padStart(4, '0');
}

function describeFile(found: Stats): string {
  const what = found.isDirectory() ? 'a folder' : showBytes(found.size);
  return `${what}, written ${showMs(Date.now() - found.mtimeMs)} ago, mode ${modeOf(found)}`;
}

function describeExpected(expected: Expected, scope: CheckContext): string {
  const parts = Object.entries(expected).map(([word, want]) => {
    if (word === 'exists') return want ? 'is there' : 'is not there';
    if (word === 'writable') return want ? 'writable' : 'not writable';
    if (word === 'mode') return `mode ${String(want)}`;
    const text = describe(want, { scope, ...units[word] });
    return word === 'contains'
      ? text.replace(/^matches/, 'contains a match of')
      : `${word === 'newest' ? 'newest file' : word} ${text.replace(/^is /, '')}`;
  });
  return parts.join(', ') || 'is there';
}

function label(what: string, problem: string | undefined): string | undefined {
  return problem && `${what} ${problem}`;
}
