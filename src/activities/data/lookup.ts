import { fail } from '../../errors.js';
import type { Database, Definition } from '../../model.js';
import type { Store } from './contract.js';
import { postgresStore } from './postgres/store.js';

/** Every store that the definition declares, in its order. Throws NotBuilt for a kind that there is no adapter for yet. */
export function stores(definition: Definition): Store[] {
  return Object.entries(definition.databases).map(([name, database]) => storeOf(name, database, definition));
}

function storeOf(name: string, database: Database, { positions }: Definition): Store {
  const where = positions[`databases.${name}`] ?? positions['database'] ?? `database ${name}`;
  if (!('postgres' in database)) throw fail('NotBuilt', `${where}: SQLite databases are not built yet`);
  return postgresStore(name, database.postgres);
}
