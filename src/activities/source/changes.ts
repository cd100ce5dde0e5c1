import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { StepContext } from '../context.js';
import { commitOf, gitOutput, gitRecords } from './git-command.js';

/** Tracked files of the live checkout that differ from its commit, by whether the definition expects that. */
export async function changedFiles(context: StepContext): Promise<{ expected: string[]; unexpected: string[] }> {
  const records = await gitRecords(context, ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=no']);
  const paths = records.map((record) => record.slice(3));
  const prefixes = context.definition.source.git?.expected_changes ?? [];
  const isExpected = (path: string) =>
    prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix.replace(/\/$/, '')}/`));
  return { expected: paths.filter(isExpected), unexpected: paths.filter((path) => !isExpected(path)) };
}

/**
 * What `git checkout` of that commit would refuse or destroy: files that were expected to change but that the commit changes too, and
 * files that it brings but that lie here untracked. Git by itself overwrites the ignored ones of these without a word: `.env`, a database.
 */
export async function filesInTheWay(context: StepContext, sha: string, changed: string[]): Promise<string[]> {
  const head = await commitOf(context, 'HEAD');
  if (!head) return [];
  // A letter, then its path.
  const told = await gitRecords(context, ['diff', '--name-status', '--no-renames', '-z', head, sha]);
  const differing = told.filter((_, index) => index % 2 === 1);
  const brought = differing.filter((_, index) => told[index * 2] === 'A');
  const lying = brought.filter((path) => isPresent(context, path));
  return [...new Set([...changed.filter((path) => differing.includes(path)), ...lying])];
}

/** Of these files, those that are as in that commit, or absent as there: what a checkout that was cut off has already done. */
export async function filesAlreadyAt(context: StepContext, sha: string, paths: string[]): Promise<string[]> {
  const there = new Map<string, string>();
  for (const record of await gitRecords(context, ['ls-tree', '-r', '-z', sha])) {
    const [meta = '', path = ''] = record.split('\t');
    there.set(path, meta.split(' ')[2] ?? '');
  }
  const here = await hashesOf(context, paths);
  return paths.filter((path) => there.get(path) === here.get(path));
}

export function isPresent(context: StepContext, path: string): boolean {
  return lstatSync(join(context.definition.directory, path), { throwIfNoEntry: false }) !== undefined;
}

/** Git's hash of each file's present content; a path that is no file has none. */
async function hashesOf(context: StepContext, paths: string[]): Promise<Map<string, string>> {
  const files = paths.filter((path) =>
    lstatSync(join(context.definition.directory, path), { throwIfNoEntry: false })?.isFile(),
  );
  if (files.length === 0) return new Map();
  const input = files.map((path) => `${path}\n`).join('');
  const hashes = (await gitOutput(context, ['hash-object', '--stdin-paths'], { input })).trim().split('\n');
  return new Map(files.map((path, index) => [path, hashes[index] ?? '']));
}

/** Files that differ between the live commit and that one. */
export async function differingFiles(context: StepContext, sha: string): Promise<string[]> {
  const head = await commitOf(context, 'HEAD');
  return head ? gitRecords(context, ['diff', '--name-only', '--no-renames', '-z', head, sha]) : [];
}

/** `a, b, c and 4 more` */
export function nameFiles(paths: string[]): string {
  const shown = paths.slice(0, 5).join(', ');
  return paths.length > 5 ? `${shown} and ${paths.length - 5} more` : shown;
}
