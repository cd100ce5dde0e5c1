import type { Definition } from '../../model.js';
import type { StepContext } from '../context.js';

/** Variables that permit a migration at start: given to that one start, and written nowhere. */
export function guardOf({ migrations = {} }: Definition): Record<string, string> {
  for (const tool of [migrations.sequelize, migrations.alembic, migrations.django])
    if (tool?.at === 'start' && tool.guard) return tool.guard;
  return {};
}

export function guardValues({ definition, env }: Pick<StepContext, 'definition' | 'env'>): Record<string, string> {
  return Object.fromEntries(Object.entries(guardOf(definition)).map(([name, value]) => [name, env.value(value)]));
}
