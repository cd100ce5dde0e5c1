import type { At, Release, Run, StepName } from '../../model.js';

const beforeSwitch: StepName[] = [
  'resolve',
  'preflight',
  'go',
  'window',
  'fetch',
  'backup',
  'rehearse',
  'stop',
  'standby',
  'data',
];

/** The release whose code stands in the checkout at that point of a run; undo goes back over `switch`. */
export function liveRelease(
  { kind, version, previous }: Pick<Run, 'kind' | 'version' | 'previous'>,
  at: At,
): Release | null {
  if (kind === 'adopt' || kind === 'recover') return version;
  if (!at.undo) return beforeSwitch.includes(at.step) ? previous : version;
  return at.step === 'stop' || (kind === 'rollback' && at.step === 'data') ? previous : version;
}
