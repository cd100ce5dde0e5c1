import { fail } from '../errors.js';
import type { CommandResult } from '../lib/command.js';

/** That a command ended otherwise than it may: how, and the end of what it said. `exitCode` null: a signal ended it. */
export function commandFailed({ argv, exitCode, signal, tail }: CommandResult): Error {
  const how = exitCode === null ? `was ended by ${signal ?? 'a signal'}` : `ended with exit code ${exitCode}`;
  return fail('CommandFailed', `${argv.join(' ')} ${how}: ${lastLines(tail)}`, { tail: tail.slice(-2000), exitCode });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' / ').slice(-400) || 'it printed nothing';
}
