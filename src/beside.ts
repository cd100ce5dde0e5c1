import type { Beside, Kind } from './model.js';

/** Runs beside whatever holds the environment, since nothing live is changed by it. */
export function isBeside(kind: Kind): kind is Beside {
  return kind === 'backup' || kind === 'rehearse';
}
