import { fail } from '../../errors.js';
import type { Definition } from '../../model.js';
import { alembic } from './alembic.js';
import type { MigrationTool } from './contract.js';
import { django } from './django.js';
import { sequelize } from './sequelize.js';

const tools: Record<string, MigrationTool> = { sequelize, alembic, django };

/** What changes the schema; undefined where the definition declares nothing. Throws NotBuilt for what this build does not have. */
export function migrationTool({ environment, migrations = {}, positions }: Definition): MigrationTool | undefined {
  const [found] = Object.entries(migrations).filter(([, options]) => options !== undefined);
  if (!found) return undefined;
  const [kind] = found;
  const tool = tools[kind];
  if (tool) return tool;
  const where = positions[`migrations.${kind}`] ?? environment;
  throw fail('NotBuilt', `${where}: migrations.${kind} is not built into this Slipway`);
}
