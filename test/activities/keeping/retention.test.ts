import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backup } from '../../../src/activities/backup.js';
import { listKept } from '../../../src/activities/keeping/list.js';
import { latestBackup } from '../../../src/activities/keeping/latest.js';
import { readManifest, writeManifest } from '../../../src/activities/keeping/manifest.js';
import { backupFolder } from '../../../src/activities/keeping/places.js';
import { prune } from '../../../src/activities/keeping/prune.js';
import { whyKept, type Holding } from '../../../src/activities/keeping/retention.js';
import type { Step } from '../../../src/activities/step.js';
import { whileChanging } from '../../../src/lib/change-mark.js';
import { appendEvidence } from '../../../src/lib/evidence.js';
import { appendHistory } from '../../../src/lib/history.js';
import { makeShop, type Shop } from '../data/postgres/shop.js';
import { definitionOf, stepContext } from '../step-context.js';
import { deployed } from './deployed.js';

const now = new Date('2026-11-26T00:00:00Z');
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000).toISOString();
const held = (run: string, days: number, more: Partial<Holding> = {}): Holding => ({
  ...{ run, at: daysAgo(days), proven: true, copied: false },
  ...more,
});

describe('retention', () => {
  const decide = (all: Holding[], keep: object, needed: Record<string, string> = {}) =>
    whyKept(all, { keep }, (run) => needed[run], now);

  it('keeps at least so many and at least so long, and everything where nothing is said', () => {
    const all = [held('a', 40), held('b', 20), held('c', 10), held('d', 1)];
    expect(decide(all, { count: 2 })).toEqual([null, null, 'one of the last 2', 'the last proven backup']);
    expect(decide(all, { days: 15 })).toEqual([null, null, 'younger than 15 d', 'the last proven backup']);
    expect(decide(all, { count: 2, days: 30 })[1]).toBe('younger than 30 d');
    expect(decide(all, { count: 3, days: 1 })[1]).toBe('one of the last 3');
    expect(decide(all, {})).toEqual(all.map(() => 'backup.keep says nothing'));
  });

  it('never gives up the last proven one, nor the last with a copy, nor what a run needs, however old', () => {
    const all = [held('a', 900, { copied: true }), held('b', 800), held('c', 700, { proven: false }), held('n', 900)];
    expect(decide(all, { days: 1 }, { n: 'its run did not end' })).toEqual([
      'the last proven backup with a copy',
      'the last proven backup',
      null,
      'its run did not end',
    ]);
    expect(decide([held('x', 900, { run: null })], { days: 1 })).toEqual(['nobody knows whose it is']);
  });
});

describe('what is kept of an environment', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await makeShop();
    await mkdir(join(shop.folder, 'second'));
  });
  afterAll(() => shop.close());

  it('is listed with the reason why it stays, and removed only where nothing needs it and somebody saw it', async () => {
    for (const id of ['r1', 'r2', 'r3', 'r4']) await taken(shop, id);
    const step = stepOf(shop, 'look');
    const standby = await shop.store.standby(stepOf(shop, 'r1'));
    const [{ story } = {}] = await shop.beside(
      `SELECT shobj_description(oid, 'pg_database') AS story FROM pg_database WHERE oid = ${standby.copyOid}`,
    );
    await shop.beside(
      `COMMENT ON DATABASE "${standby.copy}" IS '${String(story).replace(standby.takenAt, daysAgo(90))}'`,
    );
    await appendHistory(shop.folder, deployed('r2', null));
    await appendHistory(shop.folder, deployed('r3', 'r2'));
    await mkdir(join(backupFolder(step, 'killed')), { recursive: true });
    await mkdir(join(shop.folder, 'runs/r9/plain'), { recursive: true });
    await writeFile(join(shop.folder, 'runs/r9/plain/main.dump'), 'plain');
    // The run of r1 did not end so far.
    expect(await reasons(step)).toEqual({
      'backup r1': 'its run did not end',
      'copy r1': 'its run did not end',
      'standby r1': 'its run did not end',
      'backup r2': 'of r2, the release before',
      'copy r2': 'of r2, the release before',
      'backup r3': 'of r3, which runs',
      'copy r3': 'of r3, which runs',
      'backup r4': 'the last proven backup',
      'copy r4': 'the last proven backup',
      'scratch killed': expect.stringContaining('reported only') as string,
      'scratch plain': expect.stringContaining('reported only') as string,
    });
    expect(
      await prune(
        step,
        (await listKept(step)).listed.map(({ thing }) => thing.name),
        'ann',
      ),
    ).toEqual([]);

    await appendEvidence(join(shop.folder, 'runs/r1'), { id: 'end', kind: 'end', data: {} });
    const free = (await listKept(step)).listed.flatMap(({ thing }) => (thing.stays === null ? [thing] : []));
    expect(free.map(({ is, run }) => [is, run])).toEqual([
      ['backup', 'r1'],
      ['copy', 'r1'],
      ['standby', 'r1'],
    ]);
    const names = free.map(({ name }) => name);
    await whileChanging(shop.folder, 'deploy r5 is at stop', () =>
      expect(prune(step, names, 'ann')).rejects.toThrow('nothing is removed while deploy r5 is at stop'),
    );
    // Only what somebody saw.
    expect((await prune(step, names.slice(0, 2), 'ann')).map(({ is }) => is)).toEqual(['backup', 'copy']);
    expect(readdirSync(join(shop.folder, 'backups')).sort()).toEqual(['killed', 'r2', 'r3', 'r4']);
    expect(existsSync(join(shop.folder, 'second/shop/test/r1'))).toBe(false);
    expect(await shop.databases()).toContain(standby.copy);
    expect((await prune(step, names, 'ann')).map(({ name }) => name)).toEqual([standby.copy]);
    expect(await shop.databases()).toEqual([shop.name]);
    expect(await prune(step, names, 'ann')).toEqual([]);
    const noted = readFileSync(join(shop.folder, 'pruned.jsonl'), 'utf8').trim().split('\n');
    expect(noted.map((line) => (JSON.parse(line) as { by: string; is: string }).is)).toEqual([
      'backup',
      'copy',
      'standby',
    ]);
    // What a release held that was left behind is no measure of the one that runs.
    await backup(stepOf(shop, 'r4-before-undo'));
    expect(await latestBackup(step)).toMatchObject({ id: 'r4' });
  });
});

/** A proven, copied backup of 100 days ago, of a run that ended, but for r1. */
async function taken(shop: Shop, id: string): Promise<void> {
  const step = stepOf(shop, id);
  await backup(step);
  for (const folder of [backupFolder(step, id), join(shop.folder, 'second/shop/test', id)]) {
    const old = new Date(Date.now() - 100 * 86_400_000 + Number(id.slice(1)) * 3_600_000).toISOString();
    await writeManifest(folder, { ...(await readManifest(step, folder))!, takenAt: old });
  }
  await appendEvidence(step.folder, { id: 'resolve', kind: 'run', data: {} });
  if (id !== 'r1') await appendEvidence(step.folder, { id: 'end', kind: 'end', data: {} });
}

async function reasons(step: Step): Promise<Record<string, string | null>> {
  const { listed, problems } = await listKept(step);
  expect(problems).toEqual([]);
  return Object.fromEntries(
    listed.map(({ thing }) => [`${thing.is} ${thing.run ?? thing.name.split('/').at(-1)}`, thing.stays]),
  );
}

function stepOf(shop: Shop, id: string): Step {
  const definition = definitionOf(shop.folder, {
    databases: {
      main: { postgres: { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' } },
    },
    backup: { copy_to: 'second', keep: { count: 1, days: 30 } },
  });
  const folder = join(shop.folder, 'runs', id);
  const context = stepContext({ definition, folder, home: shop.folder, env: join(shop.folder, '.env') });
  return { ...context, run: { ...context.run, id }, pinned: { live: null } as Step['pinned'] };
}
