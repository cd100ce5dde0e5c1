import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { createDatabase, dropDatabases, type DevDatabase } from '../../src/lib/dev-database.js';

export interface TestDatabase extends DevDatabase {
  /** Drops the roles and every database whose name begins with `name`: copies, scratch, replaced ones. */
  drop(): Promise<void>;
}

/** A database of a test's own, with its roles, on the suite's server unless another one's superuser is given. */
export async function freshDatabase(superuser: string = inject('postgres')): Promise<TestDatabase> {
  const name = `t_${randomBytes(5).toString('hex')}`;
  return { ...(await createDatabase(superuser, name)), drop: () => dropDatabases(superuser, name) };
}
