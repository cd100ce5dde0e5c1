import type { Definition } from '../model.js';

/** Whether the application applies its migrations when it starts. */
export function migratesItself({ migrations = {} }: Definition): boolean {
  return [migrations.sequelize, migrations.alembic, migrations.django].some((tool) => tool?.at === 'start');
}

/** The service that the tool runs inside; undefined on the host. */
export function migratingService({ migrations = {} }: Definition): string | undefined {
  return [migrations.sequelize, migrations.alembic, migrations.django, migrations.command].find((tool) => tool?.in)?.in;
}

/** The migrated database, where it is SQLite. */
export function migratedSqlite({ migrations = {}, databases }: Definition) {
  const tool = [migrations.sequelize, migrations.alembic, migrations.django, migrations.command].find(Boolean);
  const database = tool && databases[tool.database ?? Object.keys(databases)[0] ?? ''];
  return database && 'sqlite' in database ? database.sqlite : undefined;
}
