import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { StandbyRecord } from '../../src/activities/data/contract.js';
import { comparable } from '../../src/activities/data/postgres/catalog.js';
import type { Killed } from '../activities/data/postgres/killed.js';
import { databaseOddities, essence, makeShop, oddities, type Shop } from '../activities/data/postgres/shop.js';
import { compiled } from '../stack/compiled.js';
import { dumpText, firstDifference } from './dump-text.js';
import { generator } from './generator.js';
import { oddOn, shopOn } from './versions.js';
import type { Version } from '../stack/postgres-versions.js';

export interface PutBacks {
  runs: number;
  /** Processes that were killed, in a forward step or inside the way back. */
  kills: number;
  /** What was not as it had been, one line each. */
  unequal: string[];
}

/** Those of the odd database would hinder. */
const settings = 'SET statement_timeout = 0; SET default_transaction_read_only = off; SET search_path = public;';

/** What a release may do to a database, well or badly; run in this order, up to where it fails. */
const damages = (role: string) => [
  `ALTER TABLE "Sales Dept"."Order" ADD COLUMN total numeric; UPDATE "Sales Dept"."Order" SET total = "Größe", status = 'paid'`,
  `DELETE FROM events WHERE id % 3 = 0; TRUNCATE t; INSERT INTO parent VALUES (99)`,
  `SELECT setval('leads_id_seq', 1); SELECT nextval('ahead'); ALTER SEQUENCE down INCREMENT 5`,
  `SELECT lo_unlink(424242); SELECT lo_from_bytea(424243, 'new')`,
  `DROP POLICY org_isolation ON leads; ALTER TABLE leads NO FORCE ROW LEVEL SECURITY; DELETE FROM leads WHERE org = 1`,
  `REVOKE ALL ON leads FROM ${role}_backup CASCADE; ALTER TABLE nothing OWNER TO ${role}_admin; GRANT ALL ON SCHEMA "a.b" TO PUBLIC`,
  `DROP MATERIALIZED VIEW per_org; DROP INDEX "Sales Dept"."Paid first"; DROP FUNCTION twice; DROP EXTENSION IF EXISTS pgcrypto`,
  `CREATE TABLE made_by_the_release (id serial PRIMARY KEY); INSERT INTO made_by_the_release DEFAULT VALUES; DROP TABLE "a.b".c`,
  `ALTER DATABASE "NAME" SET app.motto = 'another'; ALTER DATABASE "NAME" RESET statement_timeout; COMMENT ON DATABASE "NAME" IS 'changed'`,
];

/**
 * Releases that fail at a random step, and are taken back by a process that is killed up to three times on its way. The database is then compared with
 * what it was before: text of its dump, rows, sequences, owners, grants, policies, large objects, what belongs to the database itself, statistics.
 */
export async function runPutBacks(options: {
  seed: number;
  count: number;
  superuser?: string;
  /** Of that server. @default 15, by the programs of this host */
  version?: Version;
  say: (line: string) => void;
}): Promise<PutBacks> {
  const { version, superuser } = options;
  const random = generator(options.seed);
  const result: PutBacks = { runs: 0, kills: 0, unequal: [] };
  const shop = await (version ? shopOn(version, superuser) : makeShop(superuser ? { superuser } : {}));
  const rights = async (right: string) => {
    if (known(right, version)) await shop.beside(right);
  };
  const roles = `${shop.database.name}_admin, ${shop.database.name}_owner`;
  try {
    await shop.sql(version ? oddOn(version, shop) : oddities(shop.database.name));
    for (const statement of databaseOddities(shop.name, shop.database.name))
      if (known(statement, version)) await shop.beside(statement);
    await rights(`GRANT SET ON PARAMETER app.motto TO ${roles}`);
    await shop.sql(`${settings} ANALYZE`, shop.superuserUrl);
    // pg_dump itself brings the columns of an inherited table back in another order, where its parent got one later.
    await shop.sql(`${settings} BEGIN READ WRITE; ALTER TABLE parent DROP COLUMN later; COMMIT`);
    let before = await look(shop, version);
    for (let turn = 0; turn < options.count; turn += 1) {
      const { story, kills } = await failAndTakeBack(shop, random, version);
      result.runs += 1;
      result.kills += kills;
      const now = await look(shop, version);
      const unequal = differences(before, now, story.includes('backup')).map((what) => `${story}: ${what}`);
      result.unequal.push(...unequal);
      before = now;
      options.say(`${turn + 1}: ${story}, ${kills} kills${unequal.length > 0 ? `: ${unequal.join('; ')}` : ''}`);
    }
    return result;
  } finally {
    await rights(`REVOKE SET ON PARAMETER app.motto FROM ${roles}`);
    await shop.close();
  }
}

/** Before 15 a setting that nothing defines is a superuser's alone, and no right to it can be given. */
function known(statement: string, version: Version | undefined): boolean {
  return (version?.major ?? 15) >= 15 || !statement.includes('app.motto');
}

interface Seen {
  essence: unknown;
  dump: string;
  /** Columns with statistics. */
  statistics: number;
}

async function look(shop: Shop, version?: Version): Promise<Seen> {
  const backup = await shop.store.backup(shop.context, shop.folder);
  const [row] = await shop.sql(
    `${settings} SELECT count(*)::int AS n FROM pg_stats WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'`,
    shop.superuserUrl,
  );
  return { essence: essence(backup), dump: await dumpText(shop.superuserUrl, version), statistics: Number(row?.n) };
}

function differences(before: Seen, now: Seen, restored: boolean): string[] {
  // An expression that was restored from text has its casts elsewhere.
  const text = (dump: string) => (restored ? dump.split('\n').map(comparable).join('\n') : dump);
  return [
    ...(isDeepStrictEqual(before.essence, now.essence) ? [] : ['rows or catalog']),
    ...firstDifference(text(before.dump), text(now.dump)),
    ...(now.statistics >= before.statistics
      ? []
      : [`${now.statistics} of ${before.statistics} columns with statistics`]),
  ];
}

async function failAndTakeBack(
  shop: Shop,
  random: () => number,
  version?: Version,
): Promise<{ story: string; kills: number }> {
  const backup = await shop.store.backup(shop.context, shop.folder);
  let kills = 0;
  const killed = async (act: Killed['act'], statements: number, argument?: Killed['argument']) => {
    const at = 1 + Math.floor(random() * statements);
    kills += Number(
      await kill(shop, version, {
        act,
        at,
        delayMs: random() < 0.5 ? null : Math.floor(random() * 30),
        ...(argument ? { argument } : {}),
      }),
    );
  };
  // Where it fails: before the stop, in the copy, in the migrations, or after them.
  const step = Math.floor(random() * 10);
  if (step === 0) {
    await killed('prove', 40, backup);
    await shop.store.prove(shop.context, shop.folder, backup);
    return { story: 'failed in the proof', kills };
  }
  if (step === 1) await killed('standby', 34);
  let record: StandbyRecord = await shop.store.standby(shop.context);
  const parts = (sql: string) => sql.split('; ').filter((statement) => known(statement, version));
  const all = damages(shop.database.name).map((sql) => parts(sql.replaceAll('NAME', shop.name)).join('; '));
  const done = step === 1 ? 0 : 1 + Math.floor(random() * all.length);
  for (const sql of all.slice(0, done))
    await shop.sql(`${settings} BEGIN READ WRITE; ${sql}; COMMIT`, shop.superuserUrl);
  const fromBackup = step >= 7;
  if (fromBackup) {
    await shop.beside(`DROP DATABASE "${record.copy}"`);
    if (random() < 0.5) await killed('restore', 60, backup);
    record = await shop.store.restore(shop.context, shop.folder, backup);
  }
  const times = Math.floor(random() * 4);
  for (let turn = 0; turn < times; turn += 1) await killed('swapIn', 22, record);
  await shop.store.swapIn(shop.context, record);
  const left = (await shop.databases()).filter((name) => name !== shop.name && name !== record.replaced);
  if (left.length > 0) throw new Error(`left: ${left.join(', ')}`);
  await shop.beside(`DROP DATABASE "${record.replaced}"`);
  return {
    story: `failed after ${done} of ${all.length} changes, put back from the ${fromBackup ? 'backup' : 'copy'}`,
    kills,
  };
}

/** True if it was killed before it had ended. */
async function kill(shop: Shop, version: Version | undefined, what: Omit<Killed, 'folder' | 'env'>): Promise<boolean> {
  const program = await compiled(new URL('../activities/data/postgres/killed.ts', import.meta.url));
  const child = spawn(process.execPath, [program], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, ...version?.clientEnv },
  });
  child.stdin.end(JSON.stringify({ folder: shop.folder, env: `${shop.folder}/.env`, ...what } satisfies Killed));
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return signal === 'SIGKILL';
}
