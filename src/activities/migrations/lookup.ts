import type { Definition, Migrations } from '../../model.js';
import { alembic } from './alembic.js';
import { command } from './command.js';
import type { MigrationTool } from './contract.js';
import { django } from './django.js';
import { sequelize } from './sequelize.js';

const tools: Record<keyof Migrations, MigrationTool> = { sequelize, alembic, django, command };

/** What changes the schema; undefined where the definition declares nothing. */
export function migrationTool({ migrations = {} }: Definition): MigrationTool | undefined {
  const [kind] = Object.entries(migrations).find(([, options]) => options !== undefined) ?? [];
  return kind === undefined ? undefined : tools[kind as keyof Migrations];
}
