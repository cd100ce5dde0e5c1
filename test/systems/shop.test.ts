import { readdir, readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { readEvidence, verifyEvidence } from '../../src/lib/evidence.js';
import { readHistory } from '../../src/lib/history.js';
import type { Plan } from '../../src/model.js';
import { withStand, type Stand } from './stand.js';

describe('the shop, from its first release to a failed one and back', () => {
  it('is released, released again, fails, is brought back with every row, and can be rolled back', async () => {
    await withStand(async (stand) => {
      const { go, shop, home, ledger, database } = stand;
      expect(await go('deploy', { version: '1.0.0', by: 'bob' })).toMatchObject({ outcome: 'deployed', current: '1.0.0', failed: false });
      expect(await go('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' })).toMatchObject({ outcome: 'deployed', current: '2.0.0' });

      // Its code would meet a column that it does not know, with nothing running any more.
      const older = await go('deploy', { version: '1.0.0', by: 'bob' });
      expect(older).toMatchObject({ outcome: 'no-go', current: '2.0.0' });
      expect(older.reason).toMatch(/migration-known .*it does not know main: \S+-add-loyalty.js/);
      const order = await fetch(`${shop.url}/orders`, { method: 'POST', headers: { authorization: `Bearer ${shop.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ customer: 1, item: "Teapot", total_cents: 1999 }) });
      expect(order.status).toBe(201);
      const before = await rows(database.ownerUrl);
      const failed = await go('deploy', { version: '3.0.0', by: 'bob' });
      expect(failed).toMatchObject({ outcome: 'rolled-back', current: '2.0.0', failed: true, problem: 'CheckFailed' });
      expect(failed.reason).toContain('revenue (systems/shop.yaml:');
      expect(await rows(database.ownerUrl)).toEqual(before);
      expect(await (await fetch(`${shop.url}/health`)).json()).toMatchObject({ status: 'ok', version: '2.0.0' });

      expect(await evidenceInPlanOrder(home, failed.run ?? '')).toBe(true);
      const history = await readHistory(home);
      expect(history.map((entry) => [entry.kind, entry.outcome, entry.current?.version])).toEqual([['deploy', 'deployed', '1.0.0'], ['deploy', 'deployed', '2.0.0'], ['deploy', 'no-go', '2.0.0'], ['deploy', 'rolled-back', '2.0.0']]);
      for (const entry of history) expect(await verifyEvidence(join(home, 'runs', entry.run), entry.evidence)).toMatchObject({ ok: true });

      expect(await findSecrets(stand, failed.run ?? '')).toEqual([]);
      expect(await go('rollback', { by: 'bob' })).toMatchObject({ outcome: 'done', current: '1.0.0' });
      expect(await (await fetch(`${shop.url}/health`)).json()).toMatchObject({ version: '1.0.0' });
      expect(await ledger()).toEqual(['start 1.0.0', 'open 1.0.0', 'stop 1.0.0', 'start 2.0.0', 'open 2.0.0', 'stop 2.0.0', 'start 3.0.0', 'stop 3.0.0', 'start 2.0.0', 'open 2.0.0', 'stop 2.0.0', 'start 1.0.0', 'open 1.0.0']);
    }, { npm: true });
  }, 600_000);

  it('leaves the system stopped and its database renamed aside when the first release fails', async () => {
    await withStand(async ({ go, shop, database }) => {
      expect(await go('deploy', { version: '3.0.0', by: 'bob' })).toMatchObject({ outcome: 'rolled-back', current: null });
      await expect(fetch(`${shop.url}/health`)).rejects.toThrow();
      await expect(fetch(`${shop.closedUrl}/health`)).rejects.toThrow();
      expect(await query(database.ownerUrl, "SELECT count(*)::int AS n FROM information_schema.tables WHERE table_schema = 'public'")).toEqual([{ n: 0 }]);
      const kept = await query(database.superuserUrl, `SELECT datname FROM pg_database WHERE datname LIKE '${database.name}%\\_\\_r\\_%'`);
      expect(kept).toHaveLength(1);
    });
  }, 600_000);

  it('is adopted as it runs, with nothing changed, and released from there; what fails is taken back in place where no database may be made beside', async () => {
    await withStand(async ({ go, home, ledger, client, database, worker }) => {
      await go('deploy', { version: '1.0.0', by: 'bob' });
      await rename(home, `${home}.lost`);
      const refused = await go('deploy', { version: '2.0.0', by: 'bob' });
      expect(refused).toMatchObject({ outcome: 'no-go', problem: 'Drift' });
      expect(refused.reason).toContain('slipway adopt shop/local');
      const before = await ledger();
      expect(await go('adopt', { by: 'bob', reason: 'the records were lost' })).toMatchObject({ outcome: 'done', current: '1.0.0' });
      expect(await ledger()).toEqual(before);
      const [entry] = await readHistory(home);
      expect(entry).toMatchObject({ kind: 'adopt', current: { version: '1.0.0' }, backup: entry?.run, revisions: { main: expect.arrayContaining([expect.stringContaining('create-customers')]) as string[] } });
      expect(await go('deploy', { version: '2.0.0', by: 'bob' })).toMatchObject({ outcome: 'deployed', current: '2.0.0' });
      expect(client.options.namespace).toMatch(/^stand-/);

      // On a managed server, say, where no other database may be made: a failed release is taken back within the live one.
      await query(database.superuserUrl, `ALTER ROLE ${database.name}_admin NOCREATEDB`);
      const looking = async () => [
        await rows(database.ownerUrl),
        await query(database.superuserUrl, `SELECT oid::text, datname FROM pg_database WHERE starts_with(datname, '${database.name}') ORDER BY 1`),
        (await readdir(tmpdir())).filter((name) => name.startsWith(`slipway-pg-${worker.pid()}-`)),
      ];
      const there = await looking();
      const failed = await go('deploy', { version: '3.0.0', by: 'bob' });
      expect(failed, failed.reason).toMatchObject({ outcome: 'rolled-back', current: '2.0.0', problem: 'CheckFailed' });
      expect(failed.reason).toContain('revenue (systems/shop.yaml:');
      expect(await looking()).toEqual(there);
    });
  }, 600_000);
});

/** Every row of every table of the shop, as text. */
export async function rows(url: string): Promise<Record<string, string[]>> {
  const tables = await query(url, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1");
  const found: Record<string, string[]> = {};
  for (const { name } of tables as { name: string }[]) found[name] = (await query(url, `SELECT t::text AS row FROM "${name}" t ORDER BY 1`)).map((one) => String(one.row));
  return found;
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

/** The evidence lists the steps of the plan in the plan's order, as far as the run came. */
async function evidenceInPlanOrder(home: string, run: string): Promise<boolean> {
  const folder = join(home, 'runs', run);
  const { plan } = JSON.parse(await readFile(join(folder, 'pinned.json'), 'utf8')) as { plan: Plan };
  const planned = plan.steps.filter((step) => step.is !== 'gate' && step.skip === undefined).map((step) => step.name);
  const seen = [...new Set((await readEvidence(folder)).filter((entry) => entry.kind === 'step' && !(entry.data as { undo: boolean }).undo).map((entry) => (entry.data as { step: string }).step))];
  const order = seen.filter((name) => planned.includes(name as never)).map((name) => planned.indexOf(name as never));
  // fetch and backup run side by side: whichever ends first is written first.
  const sorted = order.every((position, index) => index === 0 || position > (order[index - 1] ?? -1) || [position, order[index - 1]].every((one) => planned[one ?? -1] === 'fetch' || planned[one ?? -1] === 'backup'));
  return sorted && seen.length > 5;
}

/** Places where a value of the shop's env file stands: in the records of the host, or in Temporal's history of the last run. */
async function findSecrets({ shop, state, client, environment }: Stand, run: string): Promise<string[]> {
  const values = Object.values(parseEnv(await readFile(join(shop.directory, '.env'), 'utf8'))).filter((value) => value !== undefined && value.length > 8) as string[];
  const secrets = values.flatMap((value) => [value, ...(URL.canParse(value) ? [decodeURIComponent(new URL(value).password)] : [])]).filter((value) => value.length > 6);
  expect(secrets.length).toBeGreaterThan(4);
  const texts: [string, string][] = [['history', JSON.stringify(await client.workflow.getHandle(environment).fetchHistory())]];
  for (const file of await readdir(state, { recursive: true, withFileTypes: true })) {
    // What `npm ci` put into the staged code is the shop's own.
    if (file.isFile() && !file.parentPath.includes('/code/') && !file.parentPath.includes('/replaced/')) texts.push([join(file.parentPath, file.name), await readFile(join(file.parentPath, file.name), 'latin1')]);
  }
  expect(texts.some(([name]) => name.includes(run))).toBe(true);
  return texts.flatMap(([name, text]) => (secrets.some((secret) => text.includes(secret)) ? [name] : []));
}
