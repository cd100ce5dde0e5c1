import type { CheckResult, ChecksNow } from '../model.js';
import { formatDuration } from './duration.js';
import { plainText, type Mark, type Style } from './style.js';

const marks: Record<CheckResult['outcome'], Mark> = { pass: 'done', fail: 'failed', 'n/a': 'skipped', skip: 'waiting' };

/** All checks, a line each, failed ones with what was expected and seen; then how many of which. */
export function renderChecks({ environment, version, results }: ChecksNow, style: Style): string[] {
  const width = Math.max(0, ...results.map(({ name }) => name.length));
  const count = (outcome: CheckResult['outcome']) => results.filter((one) => one.outcome === outcome).length;
  const failed = (must: boolean) => results.filter((one) => one.outcome === 'fail' && (one.must === 'must') === must);
  const others = [
    [failed(true).length, 'failed'],
    [failed(false).length, 'failed that need not pass'],
    [count('skip'), 'for a person'],
    [count('n/a'), 'not due'],
  ] as const;
  const runs = version === 'unknown' ? 'at an unknown version' : version;
  return [
    ...results.flatMap((result) => {
      if (result.outcome === 'fail') return renderFailedChecks([result], style);
      const text = result.outcome === 'skip' ? (result.ask?.text ?? result.expected) : result.seen;
      const took = result.tookMs > 0 ? formatDuration(result.tookMs) : '';
      return [
        `    ${style.mark(marks[result.outcome])} ${result.name.padEnd(width)} ${took.padStart(8)}  ${plainText(text)}`,
      ];
    }),
    `${environment} ${runs}: ${[`${count('pass')} passed`, ...others.filter(([many]) => many > 0).map(([many, what]) => `${many} ${what}`)].join(', ')}`,
  ];
}

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
