import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readHistory } from '../../src/lib/history.js';
import { rows } from './looks.js';
import { withStand } from './stand.js';

const keeping = (yaml: string) => yaml.replace(/^rollback: .*$/m, 'rollback: { prefer: keep, restore: ask }');

it('a rollback with a person’s agreement leaves the newer schema and its rows, the older code serves on them, and the next release goes on from there', async () => {
  await withStand(
    async ({ go, home, shop, database }) => {
      const version = async () => ((await (await fetch(`${shop.url}/health`)).json()) as { version: string }).version;
      await go('deploy', { version: '1.0.0', by: 'bob' });
      expect(await go('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' })).toMatchObject({ current: '2.0.0' });
      const headers = { authorization: `Bearer ${shop.token}`, 'content-type': 'application/json' };
      const order = { customer: 1, item: 'Teapot', total_cents: 1999 };
      expect((await fetch(`${shop.url}/orders`, { method: 'POST', headers, body: JSON.stringify(order) })).status).toBe(201);
      const before = await rows(database.ownerUrl);

      const back = await go('rollback', { by: 'bob' });
      expect(back).toMatchObject({ outcome: 'done', current: '1.0.0', approvals: [{ gate: 'rollback', by: 'ann' }] });
      // The checks of 1.0.0 write, too: what is more than before is theirs.
      const kept = await rows(database.ownerUrl);
      expect([await version(), kept.SequelizeMeta]).toEqual(['1.0.0', before.SequelizeMeta]);
      for (const [table, lines] of Object.entries(before)) expect(kept[table], table).toEqual(expect.arrayContaining(lines));
      expect((await readHistory(home)).at(-1)?.ahead).toMatchObject({ of: { version: '2.0.0' }, revisions: { main: [expect.stringContaining('add-loyalty')] } });
      const report = await readFile(join(home, 'runs', back.run ?? '', 'report.md'), 'utf8');
      expect(report).toMatch(/keep-ahead|stays ahead|kept ahead/);

      expect(await go('deploy', { version: '2.0.0', by: 'bob' })).toMatchObject({ outcome: 'deployed', reason: '', current: '2.0.0' });
      expect([await version(), (await rows(database.ownerUrl)).SequelizeMeta]).toEqual(['2.0.0', before.SequelizeMeta]);
    },
    { definition: keeping },
  );
}, 600_000);
