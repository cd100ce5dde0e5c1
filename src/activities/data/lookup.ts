import type { Database, Definition } from '../../model.js';
import type { Store } from './contract.js';
import { filesStore } from './files/store.js';
import { postgresStore } from './postgres/store.js';
import { sqliteStore } from './sqlite/store.js';

/** Every store that the definition declares, in its order: databases, then trees of files. */
export function stores({ databases, files }: Definition): Store[] {
  return [
    ...Object.entries(databases).map(([name, database]) => storeOf(name, database)),
    ...(files?.keep ?? []).map(filesStore),
  ];
}

function storeOf(name: string, database: Database): Store {
  return 'postgres' in database ? postgresStore(name, database.postgres) : sqliteStore(name, database.sqlite);
}
