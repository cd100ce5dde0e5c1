import type { CheckResult } from '../model.js';
import { plainText, type Style } from './style.js';

/** The checks that failed, each with its place in the definition, what was expected and what was seen. */
export function renderFailedChecks(results: CheckResult[], style: Style): string[] {
  return results
    .filter((result) => result.outcome === 'fail')
    .flatMap((result) => [
      `    ${style.mark(result.must === 'must' ? 'failed' : 'note')} ${result.name}  ${style.paint('dim', result.where)}`,
      `        expected  ${plainText(result.expected)}`,
      `        seen      ${plainText(result.seen)}`,
    ]);
}
