import { readFile, rm, truncate, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoreBackup } from '../../../../src/activities/data/contract.js';
import { failureType } from '../../../../src/errors.js';
import { makeShop, oddities, type Shop } from './shop.js';

/** Defects of a dump: what it would hold if it had been made of a database in which this was done. */
const defects: [defect: string, statement: string, undo: string, told: RegExp][] = [
  [
    'a row is lost',
    `DELETE FROM events WHERE id = 7`,
    `INSERT INTO events VALUES (7, date '2026-01-15' + 7)`,
    /public\.events_\w+ has \d+ rows, not/,
  ],
  [
    'a row is another',
    `UPDATE "Sales Dept"."Order" SET doc = '{}' WHERE id = 3`,
    `UPDATE "Sales Dept"."Order" SET doc = '{"k": 3}', note = NULL WHERE id = 3`,
    /Sales Dept\.Order has other content/,
  ],
  [
    'two values changed places',
    `UPDATE t SET t = CASE WHEN "T" = 1 THEN 't' END, "T" = coalesce("T", 1)`,
    `TRUNCATE t; INSERT INTO t VALUES (NULL, 1), ('t', NULL), ('t', NULL)`,
    /public\.t has other content/,
  ],
  [
    'two rows exchanged a value',
    `UPDATE leads SET name = 'lead ' || 3 - id WHERE id IN (1, 2)`,
    `UPDATE leads SET name = 'lead ' || id WHERE id IN (1, 2)`,
    /public\.leads has other content/,
  ],
  [
    'a space at the end is lost',
    `UPDATE padded SET code = 'a'`,
    `UPDATE padded SET code = 'a '`,
    /public\.padded has other content/,
  ],
  ['a table is lost', `DROP TABLE "a.b".c`, `CREATE TABLE "a.b".c (x int)`, /table "a\.b"\.c is missing/],
  [
    'a policy is lost',
    `DROP POLICY "No Org Nine" ON leads`,
    `CREATE POLICY "No Org Nine" ON leads AS RESTRICTIVE FOR SELECT TO CURRENT_USER USING (org <> 9)`,
    /policies: missing "No Org Nine"/,
  ],
  [
    'row security is not forced',
    `ALTER TABLE leads NO FORCE ROW LEVEL SECURITY`,
    `ALTER TABLE leads FORCE ROW LEVEL SECURITY`,
    /relations: missing public\.leads/,
  ],
  [
    'a grant is lost',
    `REVOKE UPDATE ("Größe") ON "Sales Dept"."Order" FROM ROLE_admin`,
    `GRANT UPDATE ("Größe") ON "Sales Dept"."Order" TO ROLE_admin`,
    /columns: missing "Sales Dept"\."Order"\."Größe"/,
  ],
  [
    'a sequence stands behind',
    `SELECT setval('leads_id_seq', 300)`,
    `SELECT setval('leads_id_seq', 9000)`,
    /sequence public\.leads_id_seq is at 300, not within 9000 to 9000/,
  ],
  [
    'an index is lost',
    `DROP INDEX "Sales Dept"."Paid first"`,
    `CREATE INDEX "Paid first" ON "Sales Dept"."Order" (lower("Order")) WHERE status IN ('paid', 'sent')`,
    /indexes: missing CREATE INDEX "Paid first"/,
  ],
  [
    'a trigger is off',
    `ALTER TABLE "Sales Dept"."Order" DISABLE TRIGGER "Touch it"`,
    `ALTER TABLE "Sales Dept"."Order" ENABLE TRIGGER "Touch it"`,
    /triggers: missing/,
  ],
  [
    'a foreign key is lost',
    `ALTER TABLE refs DROP CONSTRAINT refs_id_day_fkey`,
    `ALTER TABLE refs ADD FOREIGN KEY (id, day) REFERENCES events`,
    /constraints: missing refs_id_day_fkey/,
  ],
  [
    'a check names another value',
    `ALTER TABLE "Sales Dept"."Order" DROP CONSTRAINT "Order_status_check", ADD CHECK (status IN ('new', 'paid', 'gone'))`,
    `ALTER TABLE "Sales Dept"."Order" DROP CONSTRAINT "Order_status_check", ADD CHECK (status IN ('new', 'paid', 'sent'))`,
    /constraints: missing "Order_status_check"/,
  ],
  [
    'a default is another',
    `ALTER TABLE "Sales Dept"."Order" ALTER status SET DEFAULT 'paid'`,
    `ALTER TABLE "Sales Dept"."Order" ALTER status SET DEFAULT 'new'`,
    /columns: missing .*status/,
  ],
  [
    'a large object is another',
    `SELECT lo_put(424242, 0, 'L')`,
    `SELECT lo_put(424242, 0, 'l')`,
    /pg_largeobject has other content/,
  ],
  [
    'a function does something else',
    `CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$`,
    `CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := coalesce(NEW.note, '') || '!'; RETURN NEW; END $$`,
    /functions: missing public\.touch\(\)/,
  ],
  ['an extension is lost', `DROP EXTENSION pgcrypto`, `CREATE EXTENSION pgcrypto`, /extensions: missing pgcrypto/],
  [
    'a comment is lost',
    `COMMENT ON POLICY org_isolation ON leads IS NULL`,
    `COMMENT ON POLICY org_isolation ON leads IS 'a policy has a comment'`,
    /comments: missing policy/,
  ],
  [
    'a view shows something else',
    `CREATE OR REPLACE VIEW open_orders AS SELECT id, status FROM "Sales Dept"."Order"`,
    `CREATE OR REPLACE VIEW open_orders WITH (security_barrier) AS SELECT id, status FROM "Sales Dept"."Order" WHERE status IN ('new', 'paid')`,
    /relations: missing public\.open_orders/,
  ],
  [
    'a large object is lost',
    `SELECT lo_unlink(424242)`,
    `SELECT lo_from_bytea(424242, 'large \\000 object'); ALTER LARGE OBJECT 424242 OWNER TO ROLE_owner; GRANT SELECT ON LARGE OBJECT 424242 TO ROLE_backup`,
    /pg_largeobject is missing|large objects: missing/,
  ],
  [
    'a materialized view is not filled',
    `REFRESH MATERIALIZED VIEW per_org WITH NO DATA`,
    `REFRESH MATERIALIZED VIEW per_org`,
    /relations: missing public\.per_org/,
  ],
  [
    'an owner is another',
    `ALTER TABLE nothing OWNER TO ROLE_admin`,
    `ALTER TABLE nothing OWNER TO ROLE_owner`,
    /relations: missing public\.nothing/,
  ],
];

describe(`B8: a backup with a defect (${defects.length} kinds of what is missing or another, and its file)`, () => {
  let shop: Shop;
  let sound: StoreBackup;
  let other: string;

  beforeAll(async () => {
    shop = await makeShop();
    await shop.sql(oddities(shop.database.name));
    sound = await shop.store.backup(shop.context, shop.folder);
    other = join(shop.folder, 'other');
    await mkdir(other);
  });
  afterAll(() => shop.close());

  const refusal = async (folder: string, backup: StoreBackup): Promise<string> => {
    const error: unknown = await shop.store.prove(shop.context, folder, backup).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(failureType(error), String(error)).toBe('BackupUnusable');
    expect(await shop.databases()).toEqual([shop.name]);
    return String(error);
  };

  it.each(defects)('is refused when %s', async (_defect, statement, undo, told) => {
    const role = (sql: string) => sql.replaceAll('ROLE', shop.database.name);
    await shop.sql(role(statement), shop.superuserUrl);
    const defective = await shop.store.backup(shop.context, other);
    await shop.sql(role(undo), undo.includes('CREATE') ? shop.ownerUrl : shop.superuserUrl);
    expect(await refusal(other, { ...sound, bytes: defective.bytes, sha256: defective.sha256 })).toMatch(told);
  });

  it('is refused when a setting cannot be carried over, without a word of its value', async () => {
    const forged = JSON.stringify({ setting: { role: null, name: 'app.x', value: 'secret' } });
    const error = await shop.store
      .prove(shop.context, shop.folder, {
        ...sound,
        catalog: { ...sound.catalog, database: [...(sound.catalog.database ?? []), forged] },
      })
      .catch(String);
    expect(error).toMatch(/permission denied to set parameter/);
    expect(error).not.toMatch(/secret/);
  });

  it.each<[what: string, forged: object[], told: RegExp]>([
    [
      'a grant on the database',
      [{ grant: { grantee: 'PUBLIC', privilege: 'TEMP', grantable: false } }],
      /database: grant is not carried over/,
    ],
    [
      'a setting of the database',
      ['5MB', '6MB'].map((value) => ({ setting: { role: null, name: 'work_mem', value } })),
      /database: setting is not carried over/,
    ],
  ])('is refused when %s is lost on the way, without a word of its value', async (_what, forged, told) => {
    const database = [...(sound.catalog.database ?? []), ...forged.map((line) => JSON.stringify(line))];
    const error = await refusal(shop.folder, { ...sound, catalog: { ...sound.catalog, database } });
    expect(error).toMatch(told);
    expect(error).not.toMatch(/PUBLIC|[56]MB/);
  });

  it('is refused when its file was flipped, cut or lost, before anything is restored', async () => {
    const path = join(other, sound.file);
    const whole = await readFile(join(shop.folder, sound.file));
    for (const at of [0, 11, Math.floor(whole.length / 2), whole.length - 1]) {
      const flipped = Buffer.from(whole);
      flipped[at] = flipped[at]! ^ 1;
      await writeFile(path, flipped);
      expect(await refusal(other, sound)).toMatch(/is not the one that was written/);
    }
    await writeFile(path, whole);
    await truncate(path, whole.length - 100);
    expect(await refusal(other, sound)).toMatch(/is not the one that was written/);
    await rm(path);
    expect(await refusal(other, sound)).toMatch(/is not there/);
  });

  it('is refused when a file that was cut before it was hashed does not decode', async () => {
    const { createHash } = await import('node:crypto');
    const cut = (await readFile(join(shop.folder, sound.file))).subarray(0, -4_000);
    await writeFile(join(other, sound.file), cut);
    const forged = { ...sound, bytes: cut.length, sha256: createHash('sha256').update(cut).digest('hex') };
    expect(await refusal(other, forged)).toMatch(/cannot be unpacked|does not restore|is missing|has \d+ rows/);
  });

  it('is planted in 20 kinds at least', () => expect(defects.length).toBeGreaterThanOrEqual(20));

  it('is proven when it has none', async () => {
    await expect(shop.store.prove(shop.context, shop.folder, sound)).resolves.toMatchObject({
      data: { tables: expect.any(Number) as number },
    });
  });
});
