import { fail } from '../../errors.js';
import type { Definition } from '../../model.js';
import type { MigrationTool } from './contract.js';
import { sequelize } from './sequelize.js';

/** What changes the schema; undefined where the definition declares nothing. Throws NotBuilt for what this build does not have. */
export function migrationTool(definition: Definition): MigrationTool | undefined {
  const [kind] = Object.entries(definition.migrations ?? {}).find(([, options]) => options !== undefined) ?? [];
  if (!kind) return undefined;
  const unbuilt = unbuiltPart(definition, kind);
  if (!unbuilt) return sequelize;
  const where = definition.positions[`migrations.${unbuilt}`] ?? definition.positions[`migrations.${kind}`];
  throw fail('NotBuilt', `${where ?? definition.environment}: migrations.${unbuilt} is not built into this Slipway`);
}

function unbuiltPart({ migrations }: Definition, kind: string): string | undefined {
  if (kind !== 'sequelize') return kind;
  if (migrations?.sequelize?.in) return 'sequelize.in';
  return migrations?.sequelize?.at ? 'sequelize.at' : undefined;
}
