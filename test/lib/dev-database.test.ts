import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { freshDatabase } from '../stack/database.js';

describe('createDatabase', () => {
  it('gives a backup role that sees past row security, and an admin that can swap without being superuser', async () => {
    const database = await freshDatabase();
    const { name } = database;
    try {
      await query(database.ownerUrl, 'CREATE TABLE leads AS SELECT generate_series(1, 2) AS id');
      await query(database.ownerUrl, 'ALTER TABLE leads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY');
      expect(await query(database.ownerUrl, 'SELECT count(*)::int FROM leads')).toEqual([{ count: 0 }]);
      expect(await query(database.backupUrl, 'SELECT count(*)::int FROM leads')).toEqual([{ count: 2 }]);
      await expect(query(database.backupUrl, 'DELETE FROM leads')).rejects.toThrow('permission denied');

      const elsewhere = new URL(database.adminUrl);
      elsewhere.pathname = 'postgres';
      expect(await query(elsewhere.href, 'SHOW is_superuser')).toEqual([{ is_superuser: 'off' }]);
      await query(elsewhere.href, `CREATE DATABASE ${name}_copy TEMPLATE ${name} OWNER ${name}_owner`);
      await query(elsewhere.href, `ALTER DATABASE ${name} RENAME TO ${name}_replaced`);
      await query(elsewhere.href, `ALTER DATABASE ${name}_copy RENAME TO ${name}`);
      expect(await query(database.backupUrl, 'SELECT count(*)::int FROM leads')).toEqual([{ count: 2 }]);
    } finally {
      await database.drop();
    }
    const left = `SELECT datname AS name FROM pg_database WHERE datname LIKE '${name}%' UNION SELECT rolname FROM pg_roles WHERE rolname LIKE '${name}%'`;
    expect(await query(inject('postgres'), left)).toEqual([]);
  });
});

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
