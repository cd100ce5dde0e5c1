import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepContext } from '../../../../src/activities/context.js';
import type { StoreBackup } from '../../../../src/activities/data/contract.js';
import { killableServer, type KillableServer } from '../../../stack/killable-server.js';
import { canMount, type SmallDisk } from '../../../stack/small-disk.js';
import { smallSpace, type SmallSpace } from '../../../stack/small-space.js';
import { essence, makeShop, type Shop } from './shop.js';

const orders = `CREATE TABLE orders (id int PRIMARY KEY, text text);
  INSERT INTO orders SELECT i, string_agg(md5(i || ' ' || k), '') FROM generate_series(1, 30000) i, generate_series(1, 20) k GROUP BY i`;

describe.skipIf(!canMount)('a disk that is full', { timeout: 600_000 }, () => {
  let disk: SmallDisk;
  let shop: Shop;
  let backup: StoreBackup;
  let place: string;
  let space: SmallSpace;
  let server: KillableServer;

  beforeAll(async () => {
    // Of its own: on a full disk a server cannot write out what it holds, which others wait for.
    server = await killableServer();
    space = await smallSpace(server.superuserUrl, 300);
    disk = space.disk;
    shop = await makeShop({ superuser: server.superuserUrl });
    place = join(disk.path, 'backups');
    await mkdir(place);
    await space.move(shop.name);
    await shop.sql(orders);
    backup = await shop.store.backup(shop.context, shop.folder);
  }, 600_000);
  afterAll(async () => {
    await shop.close();
    await space.remove();
    await server.end();
  });

  const rows = async () => (await shop.sql('SELECT count(*)::int AS n FROM orders'))[0]?.n;
  const seen = async (name: string) =>
    (await shop.store.preflight(shop.context)).find((check) => check.name === `shop: ${name}`);

  it('under the backup: it is named, and neither the new file nor a piece of it is left', async () => {
    disk.leave(1);
    await expect(shop.store.backup(shop.context, place)).rejects.toThrow(/No space left on device|ENOSPC/i);
    await expect(shop.store.backup(shop.context, place)).rejects.toThrow(place);
    expect(await readdir(place)).toEqual([]);
    disk.leave(1000);
    await shop.store.prove(shop.context, shop.folder, backup);
  });

  it('under the server: a proof and a restore end, name what is full, and leave no database', async () => {
    disk.leave(10);
    await expect(shop.store.prove(shop.context, shop.folder, backup)).rejects.toThrow(/No space left on device/);
    await expect(shop.store.restore(shop.context, shop.folder, backup)).rejects.toThrow(/No space left on device/);
    // What a rehearsal would migrate.
    await expect(shop.store.scratch(shop.context, shop.folder, backup)).rejects.toThrow(/No space left on device/);
    expect(await shop.databases()).toEqual([shop.name]);
    expect(await rows()).toBe(30000);
  });

  it('under the server: a restore over the live database leaves it as it was, and open, and goes through once there is room', async () => {
    disk.leave(1000);
    // Of another run: what was restored in place is known to its own.
    const context = { ...shop.context, folder: join(shop.folder, 'over') };
    await shop.beside(`ALTER ROLE ${shop.name}_admin NOCREATEDB`);
    try {
      const record = await shop.store.restore(context, shop.folder, backup);
      // A transaction that empties a table gives its room back at its end.
      await shop.sql('DELETE FROM orders WHERE id > 9');
      disk.leave(5);
      await expect(shop.store.swapIn(context, record)).rejects.toMatchObject({
        type: 'NoRoom',
        message: expect.stringMatching(/could not extend file "pg_tblspc\/.*": No space left on device/) as string,
      });
      expect(await rows()).toBe(9);
      expect((await shop.store.live(context)).oid).toBe(record.live.oid);
      disk.leave(1000);
      await shop.store.swapIn(context, record);
      expect(await rows()).toBe(30000);
    } finally {
      await shop.beside(`ALTER ROLE ${shop.name}_admin CREATEDB`);
    }
  });

  it('under the server: the swap itself wants no room, so a copy that stands goes in on a disk that is full', async () => {
    disk.leave(1000);
    const record = await shop.store.standby({ ...shop.context, folder: join(shop.folder, 'full') });
    await shop.sql('DELETE FROM orders WHERE id > 9');
    disk.leave(0);
    await expect(shop.sql(`CREATE TABLE more AS SELECT * FROM orders`)).rejects.toThrow(/No space left on device/);
    await shop.store.swapIn(shop.context, record);
    expect(await rows()).toBe(30000);
    expect((await shop.store.live(shop.context)).oid).toBe(record.copyOid);
    await shop.beside(`DROP DATABASE "${record.replaced}"`);
  });

  it('is told before the release: too little for a proof is NO-GO, too little for a copy is a second backup', async () => {
    disk.leave(10);
    expect(await seen('way back')).toMatchObject({ outcome: 'fail' });
    disk.leave(1000);
    expect(await seen('way back')).toMatchObject({
      outcome: 'pass',
      seen: expect.stringMatching(/^a copy beside/) as string,
    });
    disk.leave(85);
    expect(await seen('way back')).toMatchObject({
      outcome: 'pass',
      seen: expect.stringMatching(
        /^a second backup after the stop, proven: more downtime \(\d+ MB free in .*, but \d+ MB are wanted/,
      ) as string,
    });
    // Copies of all databases there stand at once; in the downtime those that are made already take no more room.
    disk.leave(140);
    const postgres = { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' };
    const among = (...names: string[]) => ({
      ...shop.context,
      definition: {
        ...shop.context.definition,
        databases: Object.fromEntries(names.map((name) => [name, { postgres }])),
      },
    });
    const noteAmong = async (context: StepContext) => (await shop.store.downtime(context))?.note;
    expect(await noteAmong(among('shop'))).toBeUndefined();
    expect(await noteAmong(among('shop', 'twin'))).toMatch(/are wanted for a copy of each database there/);
    const standby = { ...among('twin', 'shop'), at: { step: 'standby' as const, undo: false, try: 1 } };
    expect(await noteAmong(standby)).toBeUndefined();
    disk.leave(85);
    expect(await shop.store.downtime(shop.context)).toMatchObject({
      note: expect.stringMatching(/no copy can stand beside it .* adds about \d+ s of downtime/) as string,
    });
  });

  it('does not count what a copy of this run takes against itself: a second attempt finds it', async () => {
    disk.leave(1000);
    const record = await shop.store.standby(shop.context);
    disk.leave(40);
    expect(await shop.store.standby(shop.context)).toEqual(record);
    await shop.beside(`DROP DATABASE "${record.copy}"`);
  });

  it('is seen by a second backup, where it fills while the copy is made', async () => {
    disk.leave(1000);
    const fills = (line: string) => {
      if (line.startsWith('copying ')) disk.leave(5);
      else if (line.startsWith('no copy: ')) disk.leave(1000);
    };
    const record = await shop.store.standby({ ...shop.context, folder: join(shop.folder, 'filled'), progress: fills });
    expect(record.backup?.why).toMatch(/No space left on device/);
    expect(await shop.databases()).toEqual([shop.name]);
    expect(await rows()).toBe(30000);
    const { folder, stored } = record.backup!;
    await shop.store.prove(shop.context, folder, stored);
  });

  it('lets a second backup stand for the copy: proven, found again, put back row by row, also from a shell alone', async () => {
    disk.leave(85);
    const before = essence(await shop.store.backup(shop.context, shop.folder));
    const record = await shop.store.standby(shop.context);
    expect(record.backup?.why).toMatch(/are wanted for a copy/);
    expect(await shop.store.standby(shop.context)).toEqual(record);
    expect(await shop.databases()).toEqual([shop.name]);
    expect(await shop.store.has(shop.context, record)).toBe(true);
    await shop.sql('DELETE FROM orders WHERE id > 5');
    const { folder, stored } = record.backup!;
    const restored = await shop.store.restore(shop.context, folder, stored);
    await shop.store.swapIn(shop.context, restored);
    expect(essence(await shop.store.backup(shop.context, shop.folder))).toEqual(before);

    await shop.beside(`DROP DATABASE "${restored.replaced}"`);
    await shop.sql('DELETE FROM orders WHERE id > 7');
    const live = await shop.store.live(shop.context);
    const lines = ['set -eu', ...shop.store.byHand(shop.context, { ...record, live })];
    await promisify(execFile)('sh', ['-c', lines.join('\n')], {
      env: { PATH: process.env.PATH, SHOP_ADMIN_URL: shop.adminUrl },
    });
    expect(await rows()).toBe(30000);
    expect(await shop.databases()).toEqual([shop.name, `${shop.name}__before_hand`]);
    await shop.beside(`DROP DATABASE ${shop.name}__before_hand`);
  });
});
