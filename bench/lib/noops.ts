import type { StepName } from '../../src/model.js';

/** Names of their own, as a release's steps have: so the phase changes with each. */
export const noops = Array.from({ length: 20 }, (_, index) => `noop-${`${index + 1}`.padStart(2, '0')}` as StepName);
