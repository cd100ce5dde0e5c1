import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../src/lib/dev-servers.js';
import { essence, makeShop, oddities, type Shop } from '../activities/data/postgres/shop.js';
import { postgresVersion, type Version } from '../stack/postgres-versions.js';
import { runPutBacks, type PutBacks } from './put-back.js';

export interface Tried {
  major: number;
  /** As the server calls itself. */
  server: string;
  /** Versions of the programs that were used. */
  programs: string[];
  /** Empty: the data came back equal from the backup, from the copy, and in place. */
  faults: string[];
}

/** On a server of that version releases fail and are taken back by a process that is killed on its way: B3. */
export async function strikeVersion(
  major: number,
  options: { seed: number; count: number; say: (line: string) => void },
): Promise<PutBacks> {
  const version = postgresVersion(major);
  return withServer(version, (superuser) => runPutBacks({ ...options, superuser, version }));
}

/** A server of that version, with an odd database on it: checks, backup, proof, put back from the backup, from a copy, and in place. */
export async function tryVersion(major: number): Promise<Tried> {
  const version = postgresVersion(major);
  return withServer(version, async (superuser) => {
    const shop = await shopOn(version, superuser);
    try {
      return await tryOn(version, shop);
    } finally {
      await shop.close();
    }
  });
}

/** A shop by the programs that a host of that version would have. */
export async function shopOn({ major, server, client }: Version, superuser: string | undefined): Promise<Shop> {
  // Proofs on a throwaway server want that very version, whichever programs the host has else.
  const tools = { ...client, postgres: (name: string, wanted: number) => (name === 'initdb' ? server : client).postgres(name, wanted) }; // prettier-ignore
  const locale = major < 17 ? {} : { locale: `TEMPLATE template0 LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'` }; // prettier-ignore
  return makeShop({ ...(superuser ? { superuser } : {}), tools, ...locale });
}

/** What can be odd in a database of that version, and without the extensions that this machine lacks for it. */
export function oddOn({ major }: Version, { database }: Shop): string {
  return oddities(database.name, { major, contrib: major !== 16 && major !== 18 });
}

async function withServer<T>({ major, server }: Version, use: (superuser: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), `slipway-postgres-${major}-`));
  await chmod(folder, 0o711);
  const running = await startPostgres({ folder, tools: server });
  try {
    return await use(running.superuserUrl);
  } finally {
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function tryOn(version: Version, shop: Shop): Promise<Tried> {
  const { major } = version;
  const faults: string[] = [];
  await shop.sql(oddOn(version, shop));
  const checks = await shop.store.preflight(shop.context);
  faults.push(...checks.filter(({ outcome }) => outcome === 'fail').map(({ name, seen }) => `${name}: ${seen}`));
  const backup = await shop.store.backup(shop.context, shop.folder);
  const before = JSON.stringify(essence(backup));
  await shop.store.prove(shop.context, shop.folder, backup);
  const same = async (from: string) => {
    const now = JSON.stringify(essence(await shop.store.backup(shop.context, shop.folder)));
    if (now !== before) faults.push(`${from}: another database than before`);
  };
  const restored = await shop.store.restore(shop.context, shop.folder, backup);
  await shop.sql('DELETE FROM events');
  await shop.store.swapIn(shop.context, restored);
  await same('the backup');
  const copy = await shop.store.standby(shop.context);
  await shop.sql('DELETE FROM events');
  await shop.store.swapIn(shop.context, copy);
  await same('the copy');
  await shop.beside(`ALTER ROLE ${shop.database.name}_admin NOCREATEDB`);
  const hindered = (await shop.store.preflight(shop.context)).filter(({ outcome }) => outcome === 'fail');
  faults.push(...hindered.map(({ name, seen }) => `in place: ${name}: ${seen}`));
  const second = await shop.store.standby(shop.context);
  await shop.sql('DELETE FROM events; CREATE TABLE made_by_the_release (id serial)');
  const { folder: kept, stored } = second.backup!;
  await shop.store.swapIn(shop.context, await shop.store.restore(shop.context, kept, stored));
  await same('in place');
  const left = (await shop.databases()).filter((name) => /__[ptcd]_/.test(name));
  if (left.length > 0) faults.push(`left: ${left.join(', ')}`);
  const [shown] = await shop.beside('SHOW server_version');
  const programs = ['pg_dump', 'pg_restore'].map(
    (name) => checks.find((check) => check.name === `shop: ${name}`)?.seen ?? '',
  );
  return { major, server: String(shown?.server_version), programs, faults };
}
