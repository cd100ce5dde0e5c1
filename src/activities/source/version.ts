import { fail, rootMessage } from '../../errors.js';
import type { Release } from '../../model.js';
import type { StepContext } from '../context.js';
import { commitOf, gitOutput, isCheckout } from './git-command.js';

/** What Git may be asked for: neither an option nor a revision expression. */
const allowed = /^(?!.*(\.\.|\/\/|\.lock$))[0-9A-Za-z][0-9A-Za-z._+/-]{0,199}$/;
const sha = /^[0-9a-f]{7,40}$/i;

/** @see Source.resolve */
export async function resolveVersion(context: StepContext, asked: string): Promise<Release> {
  const { directory } = context.definition;
  if (!allowed.test(asked)) {
    throw fail('Usage', `${JSON.stringify(asked)} is no version: name a Git tag, or 7 to 40 hex digits of a commit`);
  }
  if (!isCheckout(directory))
    throw fail('Usage', `${directory} is no Git checkout: make it with git clone URL ${directory}`);
  const unreached = await fetchTags(context);
  const found = (await findTag(context, asked)) ?? (await findCommit(context, asked));
  if (!found && unreached) {
    throw fail(
      'Unreachable',
      `version ${asked} is not known in ${directory}, and its remote does not answer: ${unreached}`,
    );
  }
  if (!found) throw fail('Usage', await unknownVersion(context, asked));
  if (unreached) await refuseMovedTag(context, asked, found.sha);
  return found;
}

/** @see Source.running */
export async function runningVersion(context: StepContext): Promise<Release | null> {
  if (!isCheckout(context.definition.directory)) return null;
  const head = await commitOf(context, 'HEAD');
  if (!head) return null;
  const tags = await tagList(context, ['--points-at', head]);
  const tag = tags.find((name) => /^v?\d+(\.\d+)*([-+.].*)?$/.test(name));
  return { version: tag ? withoutV(tag) : head.slice(0, 12), sha: head };
}

/** Says why the remote could not be asked; undefined when it was. */
async function fetchTags(context: StepContext): Promise<string | undefined> {
  const remote = remoteOf(context);
  try {
    await gitOutput(context, ['fetch', '--tags', '--quiet', remote], { deadlineMs: 120_000 });
    return undefined;
  } catch (error) {
    context.progress(`git fetch ${remote} failed; only what is known here can be released`);
    // Git repeats the remote's URL, login included.
    return rootMessage(error).replace(/\/\/[^/@\s]*@/g, '//');
  }
}

async function findTag(context: StepContext, asked: string): Promise<Release | undefined> {
  const other = asked.startsWith('v') ? asked.slice(1) : `v${asked}`;
  const [exact, twin] = await Promise.all([tagCommit(context, asked), tagCommit(context, other)]);
  if (exact && twin && exact !== twin) {
    const both = `${asked} is ${exact.slice(0, 12)}, ${other} is ${twin.slice(0, 12)}`;
    throw fail('Usage', `version ${asked} is ambiguous: tag ${both}: remove the wrong tag, or give the SHA`);
  }
  if (exact) return { version: withoutV(asked), sha: exact };
  return twin && !asked.startsWith('v') ? { version: asked, sha: twin } : undefined;
}

async function findCommit(context: StepContext, asked: string): Promise<Release | undefined> {
  if (!sha.test(asked)) return undefined;
  const commit = await commitOf(context, asked);
  return commit ? { version: asked, sha: commit } : undefined;
}

/** `git fetch` also fails for a tag that means another commit at the remote than here: nobody can tell which one is wanted. */
async function refuseMovedTag(context: StepContext, asked: string, here: string): Promise<void> {
  const names = [asked, `v${asked}`].flatMap((name) => [`refs/tags/${name}`, `refs/tags/${name}^{}`]);
  const listed = await gitOutput(context, ['ls-remote', remoteOf(context), ...names], { deadlineMs: 60_000 }).catch(
    () => '',
  );
  // Of an annotated tag the last line is the commit, the first the tag itself.
  const there = listed.trim().split('\n').at(-1)?.split('\t')[0];
  if (!there || there === here) return;
  const how = `git -C ${context.definition.directory} fetch --tags --force, once you know that the remote is right`;
  throw fail('Usage', `tag ${asked} was moved: ${here.slice(0, 12)} here, ${there.slice(0, 12)} at the remote: ${how}`);
}

async function unknownVersion(context: StepContext, asked: string): Promise<string> {
  const tags = await tagList(context);
  const near = tags
    .map((tag) => ({ tag, score: likeness(withoutV(tag), withoutV(asked)) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, 3);
  const nearest =
    near.length > 0 ? `the nearest tags are ${near.map(({ tag }) => tag).join(', ')}` : 'there are no tags';
  return `version ${asked} is unknown: ${nearest}; list all with git -C ${context.definition.directory} tag --sort=-v:refname`;
}

/** Characters in common from the front, then from the back; the longer name loses. */
function likeness(a: string, b: string): number {
  const front = [...a].findIndex((character, index) => character !== b[index]);
  const common = front === -1 ? a.length : front;
  return common - Math.abs(a.length - b.length) / 4;
}

/** Newest version first. */
async function tagList(context: StepContext, options: string[] = []): Promise<string[]> {
  const args = ['-c', 'versionsort.suffix=-', 'tag', '--list', '--sort=-v:refname', ...options];
  return (await gitOutput(context, args)).split('\n').filter(Boolean);
}

function tagCommit(context: StepContext, name: string): Promise<string | undefined> {
  return commitOf(context, `refs/tags/${name}`);
}

function remoteOf(context: StepContext): string {
  return context.definition.source.git?.remote ?? 'origin';
}

function withoutV(tag: string): string {
  return /^v\d/.test(tag) ? tag.slice(1) : tag;
}
