import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backup } from '../../../src/activities/backup.js';
import type { Step } from '../../../src/activities/step.js';
import type { Definition, Kind, Plan } from '../../../src/model.js';
import { makeShop } from '../data/postgres/shop.js';
import { definitionOf, stepContext } from '../step-context.js';

interface Held {
  what: 'files' | 'rows';
  parts: Partial<Definition>;
  env?: string;
  /** It holds that many afterwards, and nothing else. */
  fill: (count: number) => Promise<void> | void;
  close?: () => Promise<void>;
}

const stores: Record<string, (root: string) => Promise<Held> | Held> = {
  files: (root) => {
    const uploads = join(root, 'uploads');
    const fill = (count: number) => {
      rmSync(uploads, { recursive: true, force: true });
      mkdirSync(uploads);
      for (let file = 0; file < count; file += 1) writeFileSync(join(uploads, `${file}`), `${file}`);
    };
    return { what: 'files', parts: { files: { keep: ['uploads'] } }, fill };
  },
  SQLite: (root) => {
    const script = `import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute('CREATE TABLE IF NOT EXISTS notes (id INTEGER)'); c.execute('DELETE FROM notes')
c.executemany('INSERT INTO notes VALUES (?)', [(i,) for i in range(int(sys.argv[2]))]); c.commit()`;
    const fill = (count: number) => void execFileSync('python3', ['-c', script, join(root, 'notes.db'), `${count}`]);
    return { what: 'rows', parts: { databases: { notes: { sqlite: { file: 'notes.db' } } } }, fill };
  },
  PostgreSQL: async () => {
    const shop = await makeShop();
    await shop.sql('CREATE TABLE notes (id int)');
    const postgres = { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' };
    const fill = async (count: number) =>
      void (await shop.sql(`TRUNCATE notes; INSERT INTO notes SELECT generate_series(1, ${count})`));
    const env = join(shop.folder, '.env');
    return { what: 'rows', parts: { databases: { shop: { postgres } } }, env, fill, close: () => shop.close() };
  },
};

describe('B8, C12: a store that holds next to nothing of what it held', () => {
  it.each(Object.keys(stores))(
    '(%s) stops a release at its backup, never a rollback, until a backup on demand takes it as the measure',
    async (name) => {
      const root = mkdtempSync(join(tmpdir(), 'slipway-shrunk-'));
      const { what, parts, env, fill, close } = await stores[name]!(root);
      const definition = definitionOf(root, parts);
      const step = (id: string, kind: Kind): Step => {
        const folder = join(root, 'runs', id);
        const context = stepContext({
          definition,
          folder,
          home: root,
          at: { step: 'backup' },
          ...(env ? { env } : {}),
        });
        const pinned = { definition, plan: {} as Plan, before: {}, live: null, people: {}, targets: {} };
        return { ...context, run: { ...context.run, id, kind }, pinned };
      };
      try {
        await fill(30);
        await backup(step('r1', 'deploy'));
        await fill(4);
        await backup(step('r2', 'deploy'));
        await fill(0);
        await expect(backup(step('r3', 'deploy'))).rejects.toMatchObject({
          type: 'DataRefused',
          message: expect.stringMatching(
            new RegExp(` holds 0 ${what}, and 4 in the backup of .* slipway backup shop/test, then deploy anew$`),
          ) as string,
        });
        await backup(step('r4', 'rollback'));
        await fill(30);
        await backup(step('r5', 'deploy'));
        await fill(2);
        await expect(backup(step('r6', 'deploy'))).rejects.toMatchObject({ type: 'DataRefused' });
        await backup(step('r7', 'backup'));
        await backup(step('r8', 'deploy'));
      } finally {
        await close?.();
        rmSync(root, { recursive: true, force: true });
      }
    },
  );
});
