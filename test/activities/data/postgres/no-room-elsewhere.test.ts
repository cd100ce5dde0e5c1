import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { StoreBackup } from '../../../../src/activities/data/contract.js';
import { failureType } from '../../../../src/errors.js';
import { killableServer, type KillableServer } from '../../../stack/killable-server.js';
import { canMount, smallDisk, type SmallDisk } from '../../../stack/small-disk.js';
import { makeShop, type Shop } from './shop.js';

/** The disk under the database itself: see no-room.test.ts. */
describe.skipIf(!canMount)('a full disk that the database does not lie on', { timeout: 600_000 }, () => {
  let server: KillableServer;
  let shop: Shop;
  let backup: StoreBackup;
  let disk: SmallDisk;

  beforeAll(async () => {
    server = await killableServer();
    shop = await makeShop({ superuser: server.superuserUrl });
    // Few files of WAL, so that it wants another one soon.
    await shop.beside(`ALTER SYSTEM SET min_wal_size = '32MB'`);
    await shop.beside('SELECT pg_reload_conf()');
    await shop.sql(`CREATE TABLE orders (id int PRIMARY KEY, text text);
      INSERT INTO orders SELECT i, string_agg(md5(i || ' ' || k), '') FROM generate_series(1, 10000) i, generate_series(1, 20) k GROUP BY i`);
    backup = await shop.store.backup(shop.context, shop.folder);
    disk = smallDisk(150);
  }, 600_000);
  afterAll(async () => {
    await shop.close();
    await server.end();
    disk.remove();
  });
  afterEach(() => {
    disk.leave(150);
    for (const name of ['second', 'unpacked', 'over']) rmSync(join(disk.path, name), { recursive: true, force: true });
  });

  const rows = async () => (await shop.sql('SELECT count(*)::int AS n FROM orders'))[0]?.n;
  const intact = async () => {
    expect(await rows()).toBe(10_000);
    expect(await shop.databases()).toEqual([shop.name]);
    await shop.store.prove(shop.context, shop.folder, backup);
  };
  /** A run whose own records lie on the small disk. */
  const cramped = (name: string) => {
    const folder = join(disk.path, name);
    mkdirSync(folder);
    return { ...shop.context, folder };
  };
  const noRoom = (text: string) => ({ type: 'NoRoom', message: expect.stringContaining(text) as string });

  it('of the run’s records: a second backup is named with its path and leaves no piece, and a retry with room takes it', async () => {
    const context = cramped('second');
    await shop.beside(`ALTER ROLE ${shop.name}_admin NOCREATEDB`);
    try {
      disk.leave(1);
      await expect(shop.store.standby(context)).rejects.toMatchObject(noRoom(context.folder));
      expect(filesIn(context.folder)).toEqual([]);
      disk.leave(100);
      const record = await shop.store.standby(context);
      await shop.store.prove(context, record.backup!.folder, record.backup!.stored);
    } finally {
      await shop.beside(`ALTER ROLE ${shop.name}_admin CREATEDB`);
    }
    await intact();
  });

  it('of the run’s records: a packed dump has no room to be unpacked, which is said of the disk and not of the backup, and no piece is left', async () => {
    expect(backup.packed).toBeDefined();
    const context = cramped('unpacked');
    disk.leave(1);
    const named = noRoom(`cannot be unpacked into ${context.folder}`);
    await expect(shop.store.prove(context, shop.folder, backup)).rejects.toMatchObject(named);
    await expect(shop.store.restore(context, shop.folder, backup)).rejects.toMatchObject(named);
    expect(filesIn(context.folder)).toEqual([]);
    expect(await shop.databases()).toEqual([shop.name]);
    disk.leave(100);
    await shop.store.prove(context, shop.folder, backup);
    await intact();
  });

  it('of the run’s records: a restore over the live database changes nothing, whichever of its files has none, and a retry with room ends it', async () => {
    const context = cramped('over');
    await shop.beside(`ALTER ROLE ${shop.name}_admin NOCREATEDB`);
    try {
      const record = await shop.store.restore(context, shop.folder, backup);
      await shop.sql('DELETE FROM orders WHERE id > 9');
      const unchanged = async () => {
        expect(await rows()).toBe(9);
        expect((await shop.store.live(context)).oid).toBe(record.live.oid);
        expect(filesIn(context.folder).filter((name) => /\.(sql|list|part|dump)$/.test(name) && !name.includes('before'))).toEqual([]); // prettier-ignore
      };
      // For what the database holds now.
      disk.leave(0);
      await expect(shop.store.swapIn(context, record)).rejects.toMatchObject({
        type: 'DataRefused',
        message: expect.stringMatching(/could not be kept, so nothing is put in its place: .*\/over\/.*/) as string,
      });
      await unchanged();
      // For what pg_restore writes out of it, once the database was emptied.
      disk.leave(100);
      const fills = (line: string) => line.startsWith('emptying ') && disk.leave(0);
      await expect(shop.store.swapIn({ ...context, progress: fills }, record)).rejects.toMatchObject(
        noRoom(context.folder),
      );
      await unchanged();
      disk.leave(100);
      await shop.store.swapIn(context, record);
    } finally {
      await shop.beside(`ALTER ROLE ${shop.name}_admin CREATEDB`);
    }
    await intact();
  });

  it('of the throwaway server: the proof that needs one fails by its folder’s name, and nothing of the server is left', async () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = disk.path;
    await shop.beside(`ALTER ROLE ${shop.name}_admin NOCREATEDB`);
    try {
      // For the server itself, then for what is restored into it.
      for (const megabytes of [0, 42]) {
        disk.leave(megabytes);
        await expect(shop.store.prove(shop.context, shop.folder, backup)).rejects.toMatchObject(
          noRoom(join(disk.path, 'slipway-pg-')),
        );
        expect(readdirSync(disk.path).filter((name) => name.startsWith('slipway-pg-'))).toEqual([]);
      }
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      await shop.beside(`ALTER ROLE ${shop.name}_admin CREATEDB`);
    }
    await intact();
  });

  it('of the WAL, by which the server ends itself: nothing is said against the backup, and once it has room and runs, a retry ends right', async () => {
    const wal = join(disk.path, 'wal');
    await server.walTo(wal);
    disk.leave(1);
    await fillUp(wal);
    const failed: unknown = await shop.store
      .restore(shop.context, shop.folder, backup)
      .catch((error: unknown) => error);
    expect(failureType(failed)).not.toBe('BackupUnusable');
    expect(String(failed)).toMatch(/No space left on device|connection/);
    expect(await shop.sql('SELECT 1').catch(() => 'it is down')).toBe('it is down');
    disk.leave(150);
    await server.crash();
    await shop.store.reopen(shop.context);
    const record = await shop.store.restore(shop.context, shop.folder, backup);
    expect(await shop.databases()).toEqual([shop.name, record.copy].sort());
    await shop.beside(`DROP DATABASE "${record.copy}"`);
    await intact();
  });

  /** Up to the last of the files that are there for it already. */
  async function fillUp(wal: string): Promise<void> {
    for (;;) {
      const [row] = await shop.beside(
        'SELECT file_name AS file, file_offset AS used FROM pg_walfile_name_offset(pg_current_wal_lsn())',
      );
      const later = readdirSync(wal).filter((name) => /^[0-9A-F]{24}$/.test(name) && name > String(row?.file));
      if (later.length === 0 && Number(row?.used) > 11e6) return;
      await shop.beside(`SELECT pg_logical_emit_message(true, 'fills', repeat('x', 1000000))`);
    }
  }
});

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}
