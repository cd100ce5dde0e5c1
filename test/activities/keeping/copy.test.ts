import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backup } from '../../../src/activities/backup.js';
import { backups, latestBackup } from '../../../src/activities/keeping/latest.js';
import { findManifest } from '../../../src/activities/keeping/manifest.js';
import { backupFolder } from '../../../src/activities/keeping/places.js';
import { checkKeeping } from '../../../src/activities/keeping/preflight.js';
import type { Step } from '../../../src/activities/step.js';
import { failureType } from '../../../src/errors.js';
import { sha256File } from '../../../src/lib/files.js';
import { findTools } from '../../../src/lib/tools.js';
import { definitionOf, stepContext } from '../step-context.js';
import { canMount, smallDisk } from '../../stack/small-disk.js';
import { makeShop, type Shop } from '../data/postgres/shop.js';

let shop: Shop;
let second: string;
let rows: Record<string, unknown>[];
const sum = `SELECT count(*), sum(id), min(name) FROM orders`;

beforeAll(async () => {
  shop = await makeShop();
  second = join(shop.folder, 'second');
  await mkdir(second);
  await appendFile(join(shop.folder, '.env'), 'PHRASE=a-long-phrase\nSECOND_PLACE=second\n');
  await shop.sql(`CREATE TABLE orders AS SELECT i AS id, 'order ' || i AS name FROM generate_series(1, 300) i`);
  rows = await shop.sql(sum);
});
afterAll(() => shop.close());

/** Packed where this machine's pg_dump cannot pack well itself. */
function dumpIn(folder: string): string {
  return readdirSync(folder).find((name) => /^main\.dump(\.zst)?\.enc$/.test(name)) ?? 'no dump';
}

describe('A backup with a second place', () => {
  it('is copied there and read again, manifest last, and both say how they are opened', async () => {
    const step = stepOf('one');
    const { note } = await backup(step);
    const [first, copy] = [backupFolder(step, 'one'), join(second, 'shop/test/one')];
    expect(note).toMatch(/proven by a restore in .* copied to .*second\/shop\/test\/one$/);
    expect(readdirSync(copy).sort()).toEqual(['how-to-open.md', dumpIn(copy), 'manifest.json']);
    for (const file of readdirSync(first))
      expect(await sha256File(join(copy, file))).toBe(await sha256File(join(first, file)));
    expect(await latestBackup(step)).toMatchObject({
      id: 'one',
      whole: true,
      copies: [copy],
      proven: expect.any(String) as string,
    });
    expect((await backup(step)).note).toContain('proven before');
  });

  it('is opened from there by hand, by the lines that lie beside it, and holds every row', async () => {
    const copy = join(second, 'shop/test/one');
    const [, script = ''] = /```sh\n([\s\S]*?)```/.exec(readFileSync(join(copy, 'how-to-open.md'), 'utf8')) ?? [];
    const made = `${shop.name}_by_hand`;
    const typed = script.replaceAll('NEW-DATABASE', made);
    const bin = await findTools().find('pg_restore');
    const { hostname, port, username, password } = new URL(shop.adminUrl);
    const env = {
      PATH: `${join(bin, '..')}:${process.env.PATH}`,
      PHRASE: 'a-long-phrase',
      PGHOST: hostname,
      PGPORT: port,
      PGUSER: username,
      PGPASSWORD: password,
    };
    expect(execFileSync('sh', ['-euc', typed], { cwd: copy, env, encoding: 'utf8' })).toContain(`${dumpIn(copy)}: OK`);
    for (const name of readdirSync(copy)) if (/^main\.dump(\.zst)?$/.test(name)) await rm(join(copy, name));
    expect(await shop.sql(sum, shop.superuserUrl.replace(/\/[^/]*$/, `/${made}`))).toEqual(rows);
  });

  it('is copied anew by a retry where a bit of the copy was flipped, and not at all where one of the backup was', async () => {
    const step = stepOf('one');
    const [first, copy] = [backupFolder(step, 'one'), join(second, 'shop/test/one')];
    const [stored, copied] = [join(first, dumpIn(first)), join(copy, dumpIn(copy))];
    await flip(copied);
    expect((await backup(step)).note).toContain(`proven before, copied to ${copy}`);
    expect(await sha256File(copied)).toBe(await sha256File(stored));
    await flip(stored);
    await flip(copied);
    await expect(backup(step)).rejects.toMatchObject({
      type: 'BackupUnusable',
      message: expect.stringMatching(/second\/shop\/test\/one\/.* is not what was backed up/) as string,
    });
    expect((await backups(step)).find(({ id }) => id === 'one')).toMatchObject({ copies: [] });
  });

  it('is restored from its copy where the first place lost a file, or the whole folder', async () => {
    const step = stepOf('two');
    await backup(step);
    const folder = backupFolder(step, 'two');
    await writeFile(join(folder, dumpIn(folder)), 'damaged');
    const stored = (await findManifest(step, 'two'))!.stores[0]!;
    const scratch = await shop.store.scratch(step, folder, stored);
    expect(await shop.sql(sum, scratch.url.replace('+psycopg', ''))).toEqual(rows);
    await scratch.drop();
    await rm(folder, { recursive: true });
    expect(await latestBackup(step)).toMatchObject({
      id: 'two',
      whole: false,
      copies: [join(second, 'shop/test/two')],
    });
    expect(await findManifest(step, 'two')).toMatchObject({ id: 'two' });
    const again = await shop.store.scratch(step, folder, stored);
    await again.drop();
  });

  it('is refused where the copy is damaged as well', async () => {
    const step = stepOf('two');
    const stored = (await findManifest(step, 'two'))!.stores[0]!;
    const place = join(second, 'shop/test/two');
    await writeFile(join(place, dumpIn(place)), 'damaged, too');
    const refused = shop.store.scratch(step, backupFolder(step, 'two'), stored);
    await expect(refused).rejects.toThrow(/backup file .*second.* is not the one that was written/);
    expect((await backups(step)).find(({ id }) => id === 'two')).toMatchObject({ whole: false, copies: [] });
  });

  it('fails before anything is written where the second place is not mounted', async () => {
    const step = stepOf('three', 'elsewhere');
    const failed: unknown = await backup(step).catch((error: unknown) => error);
    expect(failureType(failed)).toBe('NoRights');
    expect(String(failed)).toMatch(/backup\.copy_to .*elsewhere is not there: mount it/);
    expect(existsSync(join(shop.folder, 'elsewhere'))).toBe(false);
    expect(await findManifest(step, 'three')).toMatchObject({ proven: { at: expect.any(String) as string } });
    await mkdir(join(shop.folder, 'elsewhere'));
    expect((await backup(step)).note).toMatch(/proven before, copied to .*elsewhere/);
  });

  it.skipIf(!canMount)('leaves no piece on a second place that is full, and is copied once there is room', async () => {
    const disk = smallDisk(2);
    try {
      disk.leave(0);
      await expect(backup(stepOf('full', disk.path))).rejects.toMatchObject({
        type: 'NoRoom',
        message: expect.stringContaining(`no room for the copy in ${disk.path}/shop/test/full`) as string,
      });
      expect(readdirSync(join(disk.path, 'shop/test/full'))).toEqual([]);
      expect(await latestBackup(stepOf('full', disk.path))).toMatchObject({ id: 'full', whole: true, copies: [] });
      disk.leave(1);
      expect((await backup(stepOf('full', disk.path))).note).toMatch(/proven before, copied to /);
    } finally {
      disk.remove();
      await rm(backupFolder(stepOf('full'), 'full'), { recursive: true });
    }
  });

  it('has both places, and its encryption, tried before a release', async () => {
    const outcomes = async (copy_to: string) =>
      (await checkKeeping(stepOf('four', copy_to), 1000)).map(
        ({ name, outcome, must }) => `${name} ${outcome} ${must}`,
      );
    expect(await outcomes('$SECOND_PLACE')).toEqual([
      'backup-encryption pass must',
      'backup-copy pass must',
      'backup-copy-room pass must',
      'backup-copy-disk fail warn',
    ]);
    expect(await outcomes('nowhere')).toEqual(['backup-encryption pass must', 'backup-copy fail must']);
    expect(readdirSync(join(second, 'shop/test')).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

/** As a bad disk does: one bit in the middle, which leaves the size. */
async function flip(path: string): Promise<void> {
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = bytes[at]! ^ 1;
  await writeFile(path, bytes);
}

/** A step of the run of that name, as the activity gets it. */
function stepOf(id: string, copy_to = '$SECOND_PLACE'): Step {
  const definition = definitionOf(shop.folder, {
    databases: {
      main: { postgres: { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' } },
    },
    backup: { encrypt: { passphrase: '$PHRASE' }, copy_to },
  });
  const folder = join(shop.folder, 'runs', id);
  const context = stepContext({ definition, folder, home: shop.folder, env: join(shop.folder, '.env') });
  return { ...context, run: { ...context.run, id }, pinned: { live: null } as Step['pinned'] };
}
