import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backup } from '../../../src/activities/backup.js';
import { runChecks } from '../../../src/activities/checks/run-checks.js';
import { latestBackup } from '../../../src/activities/keeping/latest.js';
import { backupFolder } from '../../../src/activities/keeping/places.js';
import type { Step } from '../../../src/activities/step.js';
import type { Check } from '../../../src/model.js';
import { contextWith } from '../checks/support.js';
import { makeShop, type Shop } from '../data/postgres/shop.js';
import { definitionOf, stepContext } from '../step-context.js';

describe('a backup script that the system has of its own', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await makeShop();
    await shop.sql(`CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 300) i`);
    await mkdir(join(shop.folder, 'backups'));
  });
  afterAll(() => shop.close());

  it('is heard and not believed: what counts is the file in our store, proven by our own restore', async () => {
    // It calls an empty file verified, also where ours lie.
    const checked = await checkedBy(`
      mkdir -p backups/20260101T000000Z-abcdef
      for folder in backups backups/20260101T000000Z-abcdef; do : >$folder/main.dump; echo '{}' >$folder/manifest.json; done
      echo 'backup verified'`);
    expect(checked).toEqual(['own-backup pass', 'latest fail']);
    expect(await latestBackup(stepOf('first'))).toBeUndefined();

    expect((await backup(stepOf('first'))).note).toMatch(/proven by a restore/);
    expect(await checkedBy('echo verified')).toEqual(['own-backup pass', 'latest pass']);
    expect(await latestBackup(stepOf('first'))).toMatchObject({ id: 'first', proven: expect.any(String) as string });
  });

  it('is a failed check where it fails, and takes nothing from ours', async () => {
    expect(await checkedBy('echo "pg_dump: connection refused" >&2; exit 1')).toEqual([
      'own-backup fail',
      'latest pass',
    ]);
    expect((await backup(stepOf('second'))).note).toMatch(/proven by a restore/);
  });

  it('that packs or empties files of ours makes them no backup any more, whatever it says', async () => {
    const folder = backupFolder(stepOf('second'), 'second');
    const [dump] = readdirSync(folder).filter((name) => name.startsWith('main.dump'));
    const { manifest } = (await latestBackup(stepOf('second')))!;
    expect(await checkedBy(`head -c 100 backups/second/${dump} >cut; cat cut >backups/second/${dump}`)).toEqual([
      'own-backup pass',
      'latest pass',
    ]);
    // The one before it serves.
    expect(await latestBackup(stepOf('second'))).toMatchObject({ id: 'first' });
    await expect(shop.store.restore(shop.context, folder, manifest.stores[0]!)).rejects.toMatchObject({
      type: 'BackupUnusable',
    });
    expect(await shop.databases()).toEqual([shop.name]);
  });

  /** Preflight as runbook 004 has it: the system's own script, and our latest backup. */
  async function checkedBy(script: string): Promise<string[]> {
    const path = join(shop.folder, 'backup_pg.sh');
    await writeFile(path, `cd ${shop.folder}\n${script}\n`);
    const checks: Record<string, Check> = {
      'own-backup': { command: ['sh', path], changes: true },
      latest: { backup: 'latest', expect: { proven: true, age: { under: '1h' } } },
    };
    const { definition, home, env } = stepOf('preflight');
    const results = await runChecks(checks, contextWith({ more: { definition, home, env } }));
    return results.map(({ name, outcome }) => `${name} ${outcome}`);
  }

  function stepOf(id: string): Step {
    const postgres = { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' };
    const definition = definitionOf(shop.folder, { databases: { main: { postgres } } });
    const folder = join(shop.folder, 'runs', id);
    const context = stepContext({ definition, folder, home: shop.folder, env: join(shop.folder, '.env') });
    return { ...context, run: { ...context.run, id }, pinned: { live: null } as Step['pinned'] };
  }
});
