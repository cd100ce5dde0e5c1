import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../src/lib/dev-servers.js';
import { essence, makeShop, oddities } from '../activities/data/postgres/shop.js';
import { postgresVersion } from '../stack/postgres-versions.js';

export interface Tried {
  major: number;
  /** As the server calls itself. */
  server: string;
  /** Versions of the programs that were used. */
  programs: string[];
  /** Empty: the data came back equal from the backup, from the copy, and in place. */
  faults: string[];
}

/** A server of that version, with an odd database on it: checks, backup, proof, put back from the backup, from a copy, and in place. */
export async function tryVersion(major: number): Promise<Tried> {
  const { server, client } = postgresVersion(major);
  const folder = await mkdtemp(join(tmpdir(), `slipway-postgres-${major}-`));
  await chmod(folder, 0o711);
  const running = await startPostgres({ folder, tools: server });
  try {
    // Proofs on a throwaway server want that very version, whichever programs the host has else.
    const tools = { ...client, postgres: (name: string, wanted: number) => (name === 'initdb' ? server : client).postgres(name, wanted) }; // prettier-ignore
    const locale = major < 17 ? {} : { locale: `TEMPLATE template0 LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'` }; // prettier-ignore
    const shop = await makeShop({ superuser: running.superuserUrl, tools, ...locale });
    try {
      const faults: string[] = [];
      await shop.sql(oddities(shop.database.name, { major, contrib: major !== 16 && major !== 18 }));
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
      const [version] = await shop.beside('SHOW server_version');
      const programs = ['pg_dump', 'pg_restore'].map(
        (name) => checks.find((check) => check.name === `shop: ${name}`)?.seen ?? '',
      );
      return { major, server: String(version?.server_version), programs, faults };
    } finally {
      await shop.close();
    }
  } finally {
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
