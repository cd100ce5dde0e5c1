import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandRequest, StepContext } from '../context.js';

/** Git asks nobody, and a look at the live checkout writes nothing into it. */
export const gitEnvironment = { GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0' };

type Options = Pick<CommandRequest, 'cwd' | 'ok' | 'input' | 'deadlineMs'>;

/** Output of a Git command that changes nothing live, in the live checkout unless `cwd` says otherwise. Throws CommandFailed. */
export async function gitOutput(context: StepContext, args: string[], options: Options = {}): Promise<string> {
  const cwd = options.cwd ?? context.definition.directory;
  const result = await context.read({ ...options, cwd, argv: ['git', ...args], env: gitEnvironment });
  return result.stdout ?? '';
}

/** The records of a command that was given `-z`. */
export async function gitRecords(context: StepContext, args: string[], options: Options = {}): Promise<string[]> {
  return (await gitOutput(context, args, options)).split('\0').filter((record) => record !== '');
}

/** The commit that a revision names; undefined for none. */
export async function commitOf(context: StepContext, revision: string, cwd?: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`];
  return (await gitOutput(context, args, { cwd, ok: [0, 1, 128] })).trim() || undefined;
}

/** Whether the folder itself is the top of a checkout: a folder inside another one's checkout is not. */
export function isCheckout(directory: string): boolean {
  return existsSync(join(directory, '.git'));
}
