import { runInNewContext } from 'node:vm';
import { fail } from '../../errors.js';

const LONGEST_MS = 250;

/**
 * Whether the text has a place that matches. A pattern that backtracks for ever is stopped after 250 ms, which a plain `test` cannot be.
 * @param multiline `^` and `$` stand for the ends of each line
 * Throws Usage for a pattern that is none, or that takes too long.
 */
export function matches(pattern: string, text: string, multiline = false): boolean {
  const sandbox = { pattern, text, flags: multiline ? 'm' : '' };
  try {
    return runInNewContext('new RegExp(pattern, flags).test(text)', sandbox, { timeout: LONGEST_MS }) as boolean;
  } catch (error) {
    const why =
      (error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? slow() : (error as Error).message;
    throw fail('Usage', `the pattern ${JSON.stringify(pattern)} cannot be used: ${why}`);
  }
}

function slow(): string {
  return `it was still searching after ${LONGEST_MS} ms; remove nested repeats such as (a+)+`;
}
