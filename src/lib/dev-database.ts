import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A database with the three connections that a definition names. Each URL holds its role's password. */
export interface DevDatabase {
  name: string;
  /** Its owner, a plain role: the application. */
  ownerUrl: string;
  /** Reads everything, past row security. */
  backupUrl: string;
  /** May create databases, act as the owner and end sessions; no superuser. */
  adminUrl: string;
  /** The server's superuser, in this database. */
  superuserUrl: string;
}

/** Creates the database and the roles `<name>_owner`, `<name>_backup`, `<name>_admin`. `name`: a-z, 0-9 and _, not there yet. */
export async function createDatabase(superuser: string, name: string): Promise<DevDatabase> {
  const password = randomBytes(9).toString('base64url');
  const login = `LOGIN PASSWORD '${password}'`;
  // From PostgreSQL 14 on.
  const [readers] = await asSuperuser(superuser, [`SELECT 1 FROM pg_roles WHERE rolname = 'pg_read_all_data'`]);
  await asSuperuser(superuser, [
    `CREATE ROLE ${name}_owner ${login}`,
    `CREATE ROLE ${name}_backup ${login} BYPASSRLS IN ROLE ${readers ? 'pg_read_all_data' : `${name}_owner`}`,
    `CREATE ROLE ${name}_admin ${login} CREATEDB IN ROLE ${name}_owner, pg_signal_backend`,
    `CREATE DATABASE ${name} OWNER ${name}_owner`,
  ]);
  const urlOf = (role?: string): string => {
    const url = new URL(superuser);
    url.pathname = name;
    if (role) Object.assign(url, { username: `${name}_${role}`, password });
    return url.href;
  };
  return {
    name,
    ownerUrl: urlOf('owner'),
    backupUrl: urlOf('backup'),
    adminUrl: urlOf('admin'),
    superuserUrl: urlOf(),
  };
}

/** Drops every database whose name begins with `name` (copies, scratch, replaced ones), with its sessions, then the roles. */
export async function dropDatabases(superuser: string, name: string): Promise<void> {
  const found = await asSuperuser(superuser, [`SELECT datname FROM pg_database WHERE starts_with(datname, '${name}')`]);
  const databases = found.map((row) => `DROP DATABASE IF EXISTS "${row.datname as string}" WITH (FORCE)`);
  // The admin may own copies that were made beside the live one: databases go first.
  const roles = ['admin', 'backup', 'owner'].map((role) => `DROP ROLE IF EXISTS ${name}_${role}`);
  await asSuperuser(superuser, [...databases, ...roles]);
}

/** Runs the statements one after another, each in a transaction of its own; rows of the last one. */
async function asSuperuser(url: string, statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, unknown>>(statement));
    return rows;
  } finally {
    await client.end();
  }
}
