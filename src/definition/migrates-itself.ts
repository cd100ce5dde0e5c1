import type { Definition, Migrations } from '../model.js';

/** Whether the application applies its migrations when it starts. */
export function migratesItself({ migrations = {} }: Definition): boolean {
  return toolsOf(migrations).some(({ at }) => at === 'start');
}

/** The service that the tool runs inside; undefined on the host. */
export function migratingService({ migrations = {} }: Definition): string | undefined {
  return toolsOf(migrations).find((tool) => tool.in)?.in;
}

/** The migrated database, where it is SQLite. */
export function migratedSqlite({ migrations = {}, databases }: Definition) {
  const [tool] = toolsOf(migrations);
  const database = tool && databases[tool.database ?? Object.keys(databases)[0] ?? ''];
  return database && 'sqlite' in database ? database.sqlite : undefined;
}

/** There is one at most. */
export function toolsOf({ sequelize, alembic, django, command }: Migrations) {
  return [sequelize, alembic, django, command].filter((tool) => tool !== undefined);
}
