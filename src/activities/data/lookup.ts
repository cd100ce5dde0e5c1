import type { Database, Definition } from '../../model.js';
import type { Store } from './contract.js';
import { postgresStore } from './postgres/store.js';
import { sqliteStore } from './sqlite/store.js';

/** Every store that the definition declares, in its order. */
export function stores(definition: Definition): Store[] {
  return Object.entries(definition.databases).map(([name, database]) => storeOf(name, database));
}

function storeOf(name: string, database: Database): Store {
  return 'postgres' in database ? postgresStore(name, database.postgres) : sqliteStore(name, database.sqlite);
}
