import { join } from 'node:path';
import { fail } from '../../errors.js';
import { readJson, writeAtomic } from '../../lib/files.js';
import type { StepContext } from '../context.js';
import { changedFiles, differingFiles, filesAlreadyAt, filesInTheWay, isPresent, nameFiles } from './changes.js';
import { commitOf, gitEnvironment } from './git-command.js';

/** The last checkout that was begun in this run. */
interface Begun {
  from: string;
  to: string;
  /** Step, direction and try that began it. */
  by: string;
}

/** Makes the live checkout that commit, without a branch. Ignored files and expected changes stay. Throws Dirty. */
export async function checkOut(context: StepContext, sha: string): Promise<void> {
  const begun = await readJson<Begun>(recordPath(context));
  if (begun?.to === sha && begun.by === callerOf(context)) {
    // Cut off by a lost worker: the command may still run, so it is adopted before anything is looked at.
    await runCheckout(context, sha);
  } else {
    if (begun && begun.to !== sha) await finishBegun(context, begun);
    await checkOutAnew(context, sha, begun);
  }
  const head = await commitOf(context, 'HEAD');
  if (head !== sha)
    throw fail('CommandFailed', `git checkout of ${sha} left ${context.definition.directory} at ${head}`);
}

async function checkOutAnew(context: StepContext, sha: string, begun: Begun | undefined): Promise<void> {
  const head = await commitOf(context, 'HEAD');
  if (!head) throw fail('Usage', `${context.definition.directory} has no commit checked out: look with git status`);
  if (begun?.to === sha && head === begun.from) await takeUp(context, sha);
  const { expected, unexpected } = await changedFiles(context);
  const ours = begun?.to === sha ? await filesAlreadyAt(context, sha, unexpected) : [];
  const foreign = unexpected.filter((path) => !ours.includes(path));
  if (foreign.length > 0) throw dirty(context, foreign);
  if (head === sha) return;
  const lying = await filesInTheWay(context, sha, expected);
  const inTheWay = lying.filter((path) => !ours.includes(path));
  if (inTheWay.length > 0) throw dirty(context, inTheWay);
  await writeAtomic(
    recordPath(context),
    JSON.stringify({ from: head, to: sha, by: callerOf(context) } satisfies Begun),
  );
  await runCheckout(context, sha);
}

/**
 * A checkout that a power cut stopped half-way leaves files of both commits. It is brought to its end before another one begins: only
 * then is it known which files the wanted commit has to remove.
 */
async function finishBegun(context: StepContext, begun: Begun): Promise<void> {
  if ((await commitOf(context, 'HEAD')) !== begun.from) return;
  if (await takeUp(context, begun.to)) await runCheckout(context, begun.to);
}

/** Tells Git that what the cut-off checkout wrote belongs to its commit. False where it had done nothing. */
async function takeUp(context: StepContext, sha: string): Promise<boolean> {
  const done = await filesAlreadyAt(context, sha, await differingFiles(context, sha));
  const written = done.filter((path) => isPresent(context, path));
  if (written.length > 0) {
    const argv = ['git', '--literal-pathspecs', 'checkout', '--quiet', sha, '--', ...written];
    await context.change(`take-up-${sha.slice(0, 12)}`, { argv, env: gitEnvironment });
  }
  return done.length > 0;
}

async function runCheckout(context: StepContext, sha: string): Promise<void> {
  // Without this option Git replaces an ignored file (.env, a database) by one that the commit brings.
  const argv = ['git', 'checkout', '--quiet', '--no-overwrite-ignore', '--detach', sha];
  await context.change(`checkout-${sha.slice(0, 12)}`, { argv, env: gitEnvironment });
}

function dirty(context: StepContext, paths: string[]): Error {
  const { directory } = context.definition;
  const how = `look with git -C ${directory} status, then commit, move or restore them, or list them under expected_changes`;
  return fail('Dirty', `${directory} has files in the way of the new version: ${nameFiles(paths)}: ${how}`);
}

function callerOf({ at }: StepContext): string {
  return `${at.step} ${at.undo ? 'undo' : 'do'} ${at.try}`;
}

function recordPath(context: StepContext): string {
  return join(context.folder, 'checkout.json');
}
