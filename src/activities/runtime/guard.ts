import { toolsOf } from '../../definition/migrates-itself.js';
import type { Definition } from '../../model.js';
import type { StepContext } from '../context.js';

/** Variables that permit a migration at start: given to that one start, and written nowhere. */
export function guardOf({ migrations = {} }: Definition): Record<string, string> {
  return toolsOf(migrations).find(({ at }) => at === 'start')?.guard ?? {};
}

export function guardValues({ definition, env }: Pick<StepContext, 'definition' | 'env'>): Record<string, string> {
  return Object.fromEntries(Object.entries(guardOf(definition)).map(([name, value]) => [name, env.value(value)]));
}
