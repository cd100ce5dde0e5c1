import { fail } from '../../errors.js';
import type { Definition } from '../../model.js';
import { compose } from './compose/compose.js';
import { container } from './container/container.js';
import type { Runtime } from './contract.js';
import { processes } from './processes.js';

/** What runs the environment's system. Throws BadDefinition where it says nothing of that. */
export function runtime(definition: Definition): Runtime {
  if (definition.runtime.processes) return processes;
  if (definition.runtime.compose) return compose;
  if (definition.runtime.container) return container;
  const where = definition.positions.runtime ?? definition.environment;
  throw fail('BadDefinition', `${where}: runtime names neither processes, compose nor container`);
}
