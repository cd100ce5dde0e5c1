import { posix } from 'node:path';
import { fail } from '../../errors.js';
import type { Release } from '../../model.js';
import type { StepContext } from '../context.js';
import { gitEnvironment, gitRecords } from './git-command.js';

/** @see Source.texts */
export async function readTexts(
  context: StepContext,
  { sha }: Release,
  folder: string,
  wanted: RegExp,
): Promise<Record<string, string>> {
  const root = posix.normalize(folder).replace(/\/$/, '');
  const below = root === '.' ? [] : ['--', `${root}/`];
  const paths = await gitRecords(context, ['ls-tree', '-r', '-z', '--name-only', sha, ...below]);
  const names = paths
    .map((path) => posix.relative(root, path))
    .filter((name) => wanted.test(name) && !name.includes('\n'));
  if (names.length === 0) return {};
  const input = names.map((name) => `${sha}:${posix.join(root, name)}\n`).join('');
  const argv = ['git', 'cat-file', '--batch'];
  const { stdout = '', truncated } = await context.look({ argv, input, env: gitEnvironment });
  if (truncated) throw fail('CommandFailed', `${folder} of ${sha} holds more text than can be read at once`);
  return Object.fromEntries(bodies(Buffer.from(stdout), names));
}

/** Each answer is a line with the length in bytes, then the body and a line end. */
function bodies(answer: Buffer, names: string[]): [string, string][] {
  let at = 0;
  return names.map((name) => {
    const end = answer.indexOf('\n', at);
    const [, length] = /^\w+ blob (\d+)$/.exec(answer.toString('utf8', at, end)) ?? [];
    if (length === undefined) throw fail('CommandFailed', `git cat-file gave no text of ${name}`);
    const body = answer.toString('utf8', end + 1, end + 1 + Number(length));
    at = end + 2 + Number(length);
    return [name, body];
  });
}
