import { existsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { rootMessage } from '../../errors.js';
import type { CheckResult, Release } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { changedFiles, differingFiles, filesInTheWay, nameFiles } from './changes.js';
import { commitOf, gitOutput, gitRecords, isCheckout } from './git-command.js';
import { checkSignature } from './signature.js';
import { checkWhole } from './whole.js';

/** @see Source.preflight */
export async function checkSource(context: StepContext, release: Release): Promise<CheckResult[]> {
  const { directory, source } = context.definition;
  const where = context.definition.positions['source.git'] ?? 'unasked';
  const checkout = await checkCheckout(context, release, where);
  if (checkout.outcome === 'fail') return [checkout];
  const { expected, unexpected } = await changedFiles(context);
  const inTheWay = await filesInTheWay(context, release.sha, expected);
  const results = [
    checkout,
    unasked(
      'checkout-clean',
      unexpected.length === 0,
      `no changed files in ${directory}`,
      nameFiles(unexpected) || 'none',
      where,
    ),
    unasked(
      'checkout-free',
      inTheWay.length === 0,
      'no files that the new version would replace',
      nameFiles(inTheWay) || 'none',
      where,
    ),
    await checkWhole(context, release, where),
  ];
  if (source.git?.version_file) results.push(await checkVersionFile(context, release, source.git.version_file, where));
  if (source.git?.changelog) results.push(await checkChangelog(context, release, source.git.changelog, where));
  if (source.git?.signed) results.push(await checkSignature(context, release, where));
  if (context.definition.files?.protect)
    results.push(await checkProtected(context, release, context.definition.positions['files.protect'] ?? where));
  results.push(await checkRoom(context, release, where));
  return results;
}

async function checkCheckout(context: StepContext, release: Release, where: string): Promise<CheckResult> {
  const { directory } = context.definition;
  const expected = `${directory} is a Git checkout that has ${release.sha.slice(0, 12)}`;
  if (!isCheckout(directory))
    return unasked('checkout', false, expected, 'no .git there: make it with git clone', where);
  try {
    const commit = await commitOf(context, release.sha);
    return unasked('checkout', commit === release.sha, expected, commit ?? 'the commit is not there: git fetch', where);
  } catch (error) {
    return unasked('checkout', false, expected, rootMessage(error), where);
  }
}

async function checkVersionFile(
  context: StepContext,
  release: Release,
  file: string,
  where: string,
): Promise<CheckResult> {
  const expected = `${file} holds ${release.version}`;
  if (isSha(release)) return { ...unasked('version-file', true, expected, 'asked for by SHA', where), outcome: 'n/a' };
  const seen = (await fileAt(context, release, file))?.trim();
  return unasked('version-file', seen?.replace(/^v/, '') === release.version, expected, seen ?? 'no such file', where);
}

async function checkChangelog(
  context: StepContext,
  release: Release,
  file: string,
  where: string,
): Promise<CheckResult> {
  const expected = `${file} has ${release.version}`;
  if (isSha(release)) return { ...unasked('changelog', true, expected, 'asked for by SHA', where), outcome: 'n/a' };
  const text = await fileAt(context, release, file);
  const version = release.version.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
  // 1.2 is not mentioned by a line about 1.2.1, nor by one about 11.2.
  const mentioned = new RegExp(`(?<![\\w.])v?${version}(?![\\w-]|\\.\\w)`).test(text ?? '');
  return unasked(
    'changelog',
    mentioned,
    expected,
    text === undefined ? 'no such file' : mentioned ? 'it has' : 'no mention',
    where,
  );
}

/** A version that has files where nothing may be written would change them by being checked out. */
async function checkProtected(context: StepContext, release: Release, where: string): Promise<CheckResult> {
  const paths = (context.definition.files?.protect ?? []).map((path) => path.replace(/\/+$/, ''));
  const changed = await differingFiles(context, release.sha);
  const harmed = changed.filter((file) => paths.some((path) => file === path || file.startsWith(`${path}/`)));
  const expected = `no change below ${paths.join(', ')}`;
  return unasked('protected', harmed.length === 0, expected, nameFiles(harmed) || 'none', where);
}

/** Room for the worktree and for what the install commands make in it, judged by what they made in the live checkout. */
async function checkRoom(context: StepContext, release: Release, where: string): Promise<CheckResult> {
  const { directory, source } = context.definition;
  const files = await gitRecords(context, ['ls-tree', '-r', '-l', '-z', release.sha]);
  const tree = files.reduce((sum, record) => sum + (Number(record.split('\t')[0]?.split(/\s+/)[3]) || 0), 0);
  const installs = (source.git?.installs ?? []).filter((entry) => existsSync(join(directory, entry)));
  const needed = Math.ceil((tree + (await sizeOf(context, installs))) * 1.2);
  const room = await statfs(context.folder);
  const free = room.bavail * room.bsize;
  const sameDisk = (await stat(context.folder)).dev === (await stat(directory)).dev;
  const note = sameDisk || installs.length === 0 ? '' : `; another file system than ${directory}, so switch copies`;
  return unasked(
    'room-for-code',
    free > needed,
    `${inMiB(needed)} free in ${context.home}`,
    `${inMiB(free)}${note}`,
    where,
  );
}

async function sizeOf(context: StepContext, paths: string[]): Promise<number> {
  if (paths.length === 0) return 0;
  const { stdout } = await context.read({ argv: ['du', '-sk', '--', ...paths], ok: [0, 1] });
  return (stdout ?? '').split('\n').reduce((sum, line) => sum + (parseInt(line, 10) || 0) * 1024, 0);
}

async function fileAt(context: StepContext, release: Release, file: string): Promise<string | undefined> {
  const found = await gitRecords(context, ['ls-tree', '-z', '--name-only', release.sha, '--', file]);
  return found.length > 0 ? gitOutput(context, ['show', `${release.sha}:${found[0]}`]) : undefined;
}

function isSha({ version, sha }: Release): boolean {
  return sha.startsWith(version.toLowerCase());
}

function inMiB(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
