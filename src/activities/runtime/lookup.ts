import { fail } from '../../errors.js';
import type { Definition } from '../../model.js';
import type { Runtime } from './contract.js';
import { processes } from './processes.js';

/** What runs the environment's system. Throws NotBuilt for a kind that this build does not have. */
export function runtime(definition: Definition): Runtime {
  if (definition.runtime.processes) return processes;
  const kind = definition.runtime.compose ? 'compose' : definition.runtime.container ? 'container' : 'nothing';
  const where = definition.positions[`runtime.${kind}`] ?? definition.environment;
  throw fail('NotBuilt', `${where}: runtime ${kind} is not built into this Slipway; processes is`);
}
