import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { comparable } from '../../../../src/activities/data/postgres/catalog.js';
import { postgresStore } from '../../../../src/activities/data/postgres/store.js';
import type { Store, StoreBackup } from '../../../../src/activities/data/contract.js';
import { freshDatabase, type TestDatabase } from '../../../stack/database.js';
import type { Tools } from '../../../../src/lib/tools.js';
import { definitionOf, stepContext, type TestStep } from '../../step-context.js';

export interface Shop {
  database: TestDatabase;
  /** Name of the live database. */
  name: string;
  ownerUrl: string;
  adminUrl: string;
  superuserUrl: string;
  store: Store;
  context: TestStep;
  folder: string;
  /** As the owner, on the live database; rows of the last statement. */
  sql(text: string, url?: string): Promise<Record<string, unknown>[]>;
  /** As superuser, beside the live database. */
  beside(text: string): Promise<Record<string, unknown>[]>;
  /** Databases whose name begins as the live one's does. */
  databases(): Promise<string[]>;
  close(): Promise<void>;
}

/** A database with three plain roles, a store over it and a step's context. `odd`: a name that needs quoting everywhere; `locale`: how it is created. */
export async function makeShop({
  odd = false,
  locale,
  superuser,
  tools,
}: { odd?: boolean; locale?: string; superuser?: string; tools?: Tools } = {}): Promise<Shop> {
  const database = await freshDatabase(superuser);
  const name = odd ? `${database.name} Größe=O'Dd "x ${'ü'.repeat(12)}`.replace('"', '') : database.name;
  const at = (url: string) => url.replace(/\/[^/]*$/, `/${encodeURI(name)}`);
  const beside = (text: string) => run(database.superuserUrl.replace(/\/[^/]*$/, '/postgres'), text);
  if (locale) await beside(`DROP DATABASE "${name}"`);
  if (odd || locale) await beside(`CREATE DATABASE "${name}" OWNER ${database.name}_owner ${locale ?? ''}`);
  const folder = await mkdtemp(join(tmpdir(), 'slipway-shop-'));
  const [ownerUrl, adminUrl] = [at(database.ownerUrl), at(database.adminUrl)];
  const lines = {
    SHOP_URL: ownerUrl.replace(/^postgres(ql)?:/, 'postgresql+psycopg:'),
    SHOP_BACKUP_URL: at(database.backupUrl),
    SHOP_ADMIN_URL: adminUrl,
  };
  const env = join(folder, '.env');
  await writeFile(
    env,
    Object.entries(lines)
      .map(([key, value]) => `${key}='${value.replaceAll("'", '%27')}'\n`)
      .join(''),
  );
  const step = stepContext({ definition: definitionOf(folder), folder: join(folder, 'run'), home: folder, env });
  const context = tools ? { ...step, tools } : step;
  return {
    ...{ database, name, ownerUrl, adminUrl, superuserUrl: at(database.superuserUrl), context, folder, beside },
    store: postgresStore('shop', { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' }),
    sql: (text, url = ownerUrl) => run(url, text),
    databases: async () => {
      const found = await beside(
        `SELECT datname FROM pg_database WHERE starts_with(datname, '${database.name}') ORDER BY 1`,
      );
      return found.map((row) => row.datname as string);
    },
    close: async () => {
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function run(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const results: unknown = await client.query(text);
    const last = (Array.isArray(results) ? results.at(-1) : results) as { rows: Record<string, unknown>[] };
    return last.rows;
  } finally {
    await client.end();
  }
}

/** The whole of it must be equal: rows by table, catalog by heading. The server prints restored expressions differently. */
export function essence({ contents, catalog }: StoreBackup): unknown {
  return { contents, catalog: Object.entries(catalog).map(([heading, lines]) => [heading, lines.map(comparable)]) };
}

/** Real databases' oddities, all in one. Run as the owner. */
export function oddities(role: string, { major = 15, contrib = true } = {}): string {
  return `
    ${contrib ? 'CREATE EXTENSION pgcrypto; CREATE EXTENSION citext;' : 'CREATE DOMAIN citext AS text;'}
    CREATE SCHEMA "Sales Dept"; CREATE SCHEMA "a.b";
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'HAPPY "quoted"');
    CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN plz AS text CHECK (VALUE ~ '^[0-9]{5}$');
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := coalesce(NEW.note, '') || '!'; RETURN NEW; END $$;
    CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql IMMUTABLE ${major < 14 ? 'AS $$ SELECT x * 2 $$' : 'BEGIN ATOMIC SELECT x * 2; END'};
    CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
    CREATE TABLE "Sales Dept"."Order" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Größe" numeric NOT NULL, "Order" text, gone int,
      doubled numeric GENERATED ALWAYS AS ("Größe" * 2) STORED, status varchar(10) DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent')),
      m mood DEFAULT 'ok', p pair, zip plz, name citext, doc jsonb, tags text[], note text, at timestamptz DEFAULT now());
    ALTER TABLE "Sales Dept"."Order" DROP COLUMN gone;
    INSERT INTO "Sales Dept"."Order" ("Größe", "Order", p, zip, name, doc, tags)
      SELECT i / 7.0, 'Zeile ' || i || ' – 漢字 🚢 \\ '' "', (i, 'x')::pair, '12345', 'Name' || i, jsonb_build_object('k', i), ARRAY['a', NULL, 'b,c'] FROM generate_series(1, 500) i;
    CREATE INDEX "Paid first" ON "Sales Dept"."Order" (lower("Order")) WHERE status IN ('paid', 'sent');
    CREATE TRIGGER "Touch it" BEFORE UPDATE ON "Sales Dept"."Order" FOR EACH ROW WHEN (NEW.status IN ('paid', 'sent')) EXECUTE FUNCTION touch();
    ALTER TABLE "Sales Dept"."Order" ALTER COLUMN "Order" SET STATISTICS 500, ALTER COLUMN doc SET STORAGE EXTERNAL;
    CREATE STATISTICS "Sales Dept".together ON status, m FROM "Sales Dept"."Order";
    CREATE TABLE t (t text, "T" int); INSERT INTO t VALUES (NULL, 1), ('t', NULL), ('t', NULL);
    CREATE TABLE padded (code bpchar); INSERT INTO padded VALUES ('a ');
    CREATE TABLE "a.b".c (x int); CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; CREATE UNLOGGED TABLE scratchpad (x float8); INSERT INTO scratchpad VALUES (0.1 + 0.2), ('NaN');
    CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent); ALTER TABLE parent ADD COLUMN later text DEFAULT 'l';
    INSERT INTO parent VALUES (1); INSERT INTO child (a, b) VALUES (2, 3);
    CREATE TABLE events (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); CREATE TABLE events_rest PARTITION OF events DEFAULT;
    INSERT INTO events SELECT i, date '2026-01-15' + i FROM generate_series(1, 40) i;
    CREATE TABLE refs (id int, day date, FOREIGN KEY (id, day) REFERENCES events);
    CREATE TABLE leads (id serial PRIMARY KEY, org int NOT NULL, name text); INSERT INTO leads (org, name) SELECT i % 3, 'lead ' || i FROM generate_series(1, 300) i;
    CREATE VIEW open_orders WITH (security_barrier) AS SELECT id, status FROM "Sales Dept"."Order" WHERE status IN ('new', 'paid');
    CREATE MATERIALIZED VIEW per_org AS SELECT org, count(*) AS n FROM leads GROUP BY org; CREATE UNIQUE INDEX ON per_org (org);
    ALTER TABLE leads ENABLE ROW LEVEL SECURITY; ALTER TABLE leads FORCE ROW LEVEL SECURITY;
    CREATE POLICY org_isolation ON leads USING (org = current_setting('app.org', true)::int) WITH CHECK (org IN (0, 1, 2));
    CREATE POLICY "No Org Nine" ON leads AS RESTRICTIVE FOR SELECT TO ${role}_owner USING (org <> 9);
    COMMENT ON POLICY org_isolation ON leads IS 'a policy has a comment'; COMMENT ON TABLE t IS 'one POLICY here ';
    COMMENT ON COLUMN "Sales Dept"."Order"."Größe" IS 'über';
    CREATE SEQUENCE ahead START 1000 INCREMENT 7; SELECT nextval('ahead'), nextval('ahead'); CREATE SEQUENCE down INCREMENT -1; SELECT nextval('down'); CREATE SEQUENCE fresh;
    SELECT setval('leads_id_seq', 9000);
    SELECT lo_from_bytea(424242, 'large \\000 object'); GRANT SELECT ON LARGE OBJECT 424242 TO ${role}_backup;
    GRANT SELECT, INSERT ON leads TO ${role}_backup WITH GRANT OPTION; GRANT UPDATE ("Größe") ON "Sales Dept"."Order" TO ${role}_admin; GRANT USAGE ON SCHEMA "Sales Dept" TO PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA "Sales Dept" GRANT SELECT ON TABLES TO ${role}_backup;
    REVOKE EXECUTE ON FUNCTION twice FROM PUBLIC;
    CREATE RULE keep AS ON DELETE TO t DO INSTEAD NOTHING;
    CREATE TEXT SEARCH CONFIGURATION mine (COPY = simple);`;
}

/** What belongs to the database itself. Run as the owner, except the limit. */
export function databaseOddities(name: string, role: string): string[] {
  return [
    `ALTER DATABASE "${name}" SET search_path = "Sales Dept", public, "$user"`,
    `ALTER DATABASE "${name}" SET default_transaction_read_only = on`,
    `ALTER DATABASE "${name}" SET statement_timeout = '50ms'`,
    `ALTER DATABASE "${name}" SET app.motto = 'a, "b" = c''d'`,
    `ALTER ROLE ${role}_owner IN DATABASE "${name}" SET work_mem = '9MB'`,
    `ALTER DATABASE "${name}" CONNECTION LIMIT 77`,
    `REVOKE ALL ON DATABASE "${name}" FROM PUBLIC`,
    `GRANT CONNECT, TEMPORARY ON DATABASE "${name}" TO ${role}_backup, ${role}_admin`,
    `COMMENT ON DATABASE "${name}" IS 'the shop''s — own comment'`,
  ];
}
