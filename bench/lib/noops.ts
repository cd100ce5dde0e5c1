import type { StepName } from '../../src/model.js';

/** Names of their own, as a release's steps have. */
export const noops = names('noop', 20);
/** Steps whose tools print much. */
export const louds = names('loud', 25);

function names(word: string, count: number): StepName[] {
  return Array.from({ length: count }, (_, index) => `${word}-${`${index + 1}`.padStart(2, '0')}` as StepName);
}
