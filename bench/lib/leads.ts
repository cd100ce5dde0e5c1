import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Store } from '../../src/activities/data/contract.js';
import { linkOf, type Link } from '../../src/activities/data/postgres/link.js';
import { postgresStore } from '../../src/activities/data/postgres/store.js';
import type { StepContext } from '../../src/activities/context.js';
import { createDatabase, type DevDatabase } from '../../src/lib/dev-database.js';
import { startPostgres } from '../../src/lib/dev-servers.js';
import { definitionOf, stepContext } from '../../test/activities/step-context.js';

export interface Leads {
  database: DevDatabase;
  store: Store;
  context: StepContext;
  link: Link;
  folder: string;
  /** The server's data folder. */
  data: string;
  /** As superuser, beside the live database. */
  beside(text: string): Promise<Record<string, unknown>[]>;
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** `postgres` as superuser, in that database. */
  urlOf(database: string): string;
}

/** On a server of its own, a database of `leads`. */
export async function withLeads(megabytes: number, use: (made: Leads) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  await chmod(folder, 0o711);
  const server = await startPostgres({ folder: join(folder, 'server') });
  try {
    const database = await createDatabase(server.superuserUrl, 'bench');
    const env = join(folder, '.env');
    const lines = { URL: database.ownerUrl, BACKUP_URL: database.backupUrl, ADMIN_URL: database.adminUrl };
    await writeFile(
      env,
      Object.entries(lines)
        .map(([name, url]) => `${name}='${url}'\n`)
        .join(''),
    );
    const context = stepContext({ definition: definitionOf(folder), folder: join(folder, 'run'), home: folder, env });
    const connections = { url: '$URL', backup_url: '$BACKUP_URL', admin_url: '$ADMIN_URL' };
    const sql = (text: string) => ask(database.ownerUrl, text);
    await sql(leads(megabytes));
    await ask(database.superuserUrl, 'VACUUM ANALYZE');
    await ask(database.superuserUrl, 'CHECKPOINT');
    const urlOf = (name: string) => Object.assign(new URL(database.superuserUrl), { pathname: `/${name}` }).href;
    await use({
      ...{ database, context, folder, sql, urlOf },
      link: await linkOf(context, 'leads', connections),
      store: postgresStore('leads', connections),
      data: join(folder, 'server', 'data'),
      beside: (text) => ask(urlOf('postgres'), text),
    });
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows ?? [];
  } finally {
    await client.end();
  }
}

/** Makes 500 organisations, leads of 395 random characters with a GIN index, as many events; about `megabytes` in all, the same ones each time. */
export function leads(megabytes: number): string {
  // Measured: a lead with its indexes and its event take 770 bytes.
  const rows = Math.round((megabytes * 1e6) / 770);
  return `
  CREATE TABLE orgs (id int PRIMARY KEY, name text);
  INSERT INTO orgs SELECT i, 'org ' || i FROM generate_series(1, 500) i;
  CREATE TABLE leads (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), org int NOT NULL, body text NOT NULL, doc jsonb NOT NULL, at timestamptz DEFAULT now());
  INSERT INTO leads SELECT md5(i::text)::uuid, i % 500 + 1, left(string_agg(md5(i || ' ' || k), ''), 395),
    jsonb_build_object('stage', i % 7, 'score', i % 1000, 'tags', jsonb_build_array(i % 13, i % 17)), timestamptz '2026-01-01' + i * interval '1 s'
    FROM generate_series(1, ${rows}) i, generate_series(1, 13) k GROUP BY i;
  CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org int NOT NULL, kind text, at timestamptz DEFAULT now());
  INSERT INTO events (org, kind, at) SELECT i % 500 + 1, 'kind ' || i % 20, timestamptz '2026-01-01' + i * interval '1 s' FROM generate_series(1, ${rows}) i;
  ALTER TABLE leads ADD FOREIGN KEY (org) REFERENCES orgs;
  CREATE INDEX ON leads (org); CREATE INDEX ON leads (at); CREATE INDEX ON leads USING gin (doc); CREATE INDEX ON events (org)`;
}
