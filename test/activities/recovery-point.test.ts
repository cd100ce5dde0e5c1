import { appendFile, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { backup } from '../../src/activities/backup.js';
import type { StandbyRecord, Store } from '../../src/activities/data/contract.js';
import { filesStore } from '../../src/activities/data/files/store.js';
import { stores as storesOf } from '../../src/activities/data/lookup.js';
import { choose, putBack } from '../../src/activities/decision.js';
import { findManifest } from '../../src/activities/keeping/manifest.js';
import { backupFolder } from '../../src/activities/keeping/places.js';
import { readStandby, writeStandby } from '../../src/activities/records.js';
import { migrate, standby } from '../../src/activities/release-steps.js';
import { swapAll } from '../../src/activities/recovery-point.js';
import type { Step } from '../../src/activities/step.js';
import { targetsOf } from '../../src/activities/targets.js';
import { makeFolder } from '../../src/lib/files.js';
import { makeShop, type Shop } from './data/postgres/shop.js';
import { makeApp, type App } from './data/sqlite/app.js';
import { definitionOf, stepContext } from './step-context.js';

describe('several stores', () => {
  let app: App;
  let stores: Store[];
  let records: StandbyRecord[];
  let before: string;
  let after: string;
  const upload = () => join(app.directory, 'uploads', 'one');
  const shown = () => app.dump() + readFileSync(upload(), 'utf8');
  beforeEach(async () => {
    app = await makeApp();
    mkdirSync(join(app.directory, 'uploads'));
    writeFileSync(upload(), 'as it was');
    stores = [app.store, filesStore('uploads')];
    before = shown();
    records = await Promise.all(stores.map((store) => store.standby(app.context)));
    app.sql(`INSERT INTO jobs (name) VALUES ('by the release')`);
    writeFileSync(upload(), 'by the release');
    after = shown();
  });
  afterEach(() => app.close());

  it('are put back together', async () => {
    await swapAll(app.context, stores, records);
    expect(shown()).toBe(before);
    await swapAll(app.context, stores, records);
    expect(shown()).toBe(before);
  });

  it('stay together where one of them cannot be swapped: the others get back what they had, and a later try puts all back', async () => {
    const { copy } = records[1]!;
    await rename(copy, `${copy}.hidden`);
    await expect(swapAll(app.context, stores, records)).rejects.toThrow(/the copy .*uploads\.s-.* is gone/);
    expect(shown()).toBe(after);
    await rename(`${copy}.hidden`, copy);
    await swapAll(app.context, stores, records);
    expect(shown()).toBe(before);
  });

  it('stay together where one fails after it was swapped', async () => {
    const late = { ...stores[1]!, swapIn: failing(stores[1]!, 'after') };
    await expect(swapAll(app.context, [stores[0]!, late], records)).rejects.toThrow('the disk is gone');
    expect(shown()).toBe(after);
  });

  it('are put back by the next worker where one left between two of them', async () => {
    const left = new AbortController();
    const leaving: Store = {
      ...stores[1]!,
      swapIn: async () => {
        left.abort();
        throw new Error('left');
      },
    };
    await expect(swapAll({ ...app.context, interrupted: left.signal }, [stores[0]!, leaving], records)).rejects.toThrow(
      'left',
    );
    expect(app.dump()).toBe(before.slice(0, app.dump().length));
    await swapAll(app.context, stores, records);
    expect(shown()).toBe(before);
  });

  it('are put to a person where they are left of two moments, or nobody can tell', async () => {
    const broken: Store = { ...stores[1]!, swapIn: failing(stores[1]!, 'before') };
    const stuck: Store = { ...stores[0]!, swapIn: failing(stores[0]!, 'second') };
    await expect(swapAll(app.context, [stuck, broken], records)).rejects.toMatchObject({
      type: 'OutcomeUnknown',
      message: expect.stringMatching(
        /^main has the data of .*, but files:uploads could not be swapped: the disk is gone; main does not go back: the disk is gone: see to it, then retry$/,
      ) as string,
    });
    const blind: Store = { ...broken, live: failing(stores[1]!, 'before') as never };
    await expect(swapAll(app.context, [stores[0]!, blind], records)).rejects.toMatchObject({ type: 'OutcomeUnknown' });
    await swapAll(app.context, stores, records);
    expect(shown()).toBe(before);
  });
});

describe('two PostgreSQL databases and a tree of files', { timeout: 600_000 }, () => {
  let shop: Shop;
  let ledger: Shop;
  let step: Step;
  let records: StandbyRecord[];
  let before: unknown;
  let after: unknown;
  const upload = () => join(shop.folder, 'live', 'uploads', 'invoice-1');
  const swap = () => swapAll(step, storesOf(step.definition), records);

  /** By logins of now: whoever is kept out of one of them fails here. */
  const shown = async () => ({
    orders: await shop.sql('SELECT * FROM orders ORDER BY id'),
    entries: await ledger.sql('SELECT * FROM entries ORDER BY id'),
    invoice: await readFile(upload(), 'utf8'),
  });
  /** The same words in all three. */
  const change = async (text: string) => {
    await shop.sql(`DROP TABLE IF EXISTS orders; CREATE TABLE orders AS SELECT 1 AS id, '${text}' AS text`);
    await ledger.sql(`DROP TABLE IF EXISTS entries; CREATE TABLE entries AS SELECT 1 AS id, '${text}' AS text`);
    await writeFile(upload(), text);
  };

  beforeAll(async () => {
    [shop, ledger] = await Promise.all([makeShop(), makeShop()]);
    const env = join(shop.folder, '.env');
    await appendFile(env, (await readFile(join(ledger.folder, '.env'), 'utf8')).replaceAll('SHOP_', 'LEDGER_'));
    await mkdir(join(shop.folder, 'live', 'uploads'), { recursive: true });
    await change('as it was');
    const postgres = (name: string) => ({
      postgres: { url: `$${name}_URL`, backup_url: `$${name}_BACKUP_URL`, admin_url: `$${name}_ADMIN_URL` },
    });
    const definition = definitionOf(join(shop.folder, 'live'), {
      databases: { shop: postgres('SHOP'), ledger: postgres('LEDGER') },
      files: { keep: ['uploads'] },
    });
    const context = stepContext({ definition, folder: join(shop.folder, 'run'), home: shop.folder, env });
    step = { ...context, pinned: { live: null } as Step['pinned'] };
    before = await shown();
    await backup(step);
    records = [];
    for (const store of storesOf(definition)) records.push(await store.standby(step));
    await change('by the release');
    after = await shown();
  }, 600_000);
  afterAll(async () => {
    await ledger.close();
    await shop.close();
  });

  it('are put back as one, or none of them is: whichever cannot be swapped, the others get back what they had', async () => {
    const [, ofLedger, ofUploads] = records;
    await ledger.beside(`CREATE DATABASE "${ofLedger!.replaced}"`);
    await expect(swap()).rejects.toThrow(/a database .* is there already/);
    expect(await shown()).toEqual(after);
    await ledger.beside(`DROP DATABASE "${ofLedger!.replaced}"`);

    await rename(ofUploads!.copy, `${ofUploads!.copy}.hidden`);
    await expect(swap()).rejects.toThrow(/the copy .*uploads.* is gone/);
    expect(await shown()).toEqual(after);
    await rename(`${ofUploads!.copy}.hidden`, ofUploads!.copy);

    await swap();
    expect(await shown()).toEqual(before);
    await swap();
    expect(await shown()).toEqual(before);
  });

  it('come back from their one proven backup, too', async () => {
    await change('by another release');
    const manifest = await findManifest(step, step.run.id);
    expect(manifest?.proven).toBeDefined();
    expect(manifest!.stores.map(({ store }) => store)).toEqual(['shop', 'ledger', 'files:uploads']);
    const folder = backupFolder(step, step.run.id);
    records = [];
    for (const [index, store] of storesOf(step.definition).entries())
      records.push(await store.restore(step, folder, manifest!.stores[index]!));
    await swap();
    expect(await shown()).toEqual(before);
  });
});

describe('data that is put back', () => {
  let app: App;
  let step: Step;
  let copies: StandbyRecord[];
  const upload = () => join(app.directory, 'uploads', 'one');
  const shown = () => app.dump() + readFileSync(upload(), 'utf8');
  const change = (text: string) => {
    app.sql(`INSERT INTO jobs (name) VALUES ('${text}')`);
    writeFileSync(upload(), text);
  };
  /** What it was when it was backed up, when it was copied, and what the release made of it. */
  let [backedUp, copied, spoilt]: string[] = [];

  beforeEach(async () => {
    const { runtime } = definitionOf('/srv/app');
    const opening = { open: ['./open'], close: ['./close'], closed_url: 'http://127.0.0.1:1' };
    app = await makeApp({ files: { keep: ['uploads'] }, runtime: { ...runtime, open: opening } });
    mkdirSync(join(app.directory, 'uploads'));
    change('first');
    const targets = await targetsOf(app.context);
    const pinned = { live: null, before: {}, definition: app.context.definition, targets } as unknown as Step['pinned'];
    step = { ...app.context, pinned, at: { step: 'migrate', undo: true, try: 1 } };
    backedUp = shown();
    await backup(step);
    change('before the stop');
    copied = shown();
    copies = [];
    for (const store of storesOf(step.definition)) copies.push(await store.standby(step));
    await writeStandby(step.folder, copies);
    await makeFolder(join(step.folder, 'commands', 'start-1-start'));
    change('by the release');
    spoilt = shown();
  });
  afterEach(() => app.close());

  it('is that of the copies, while each store has its own', async () => {
    const choice = await choose(step);
    expect(choice).toMatchObject({ decision: 'put-back', to: copies[0]!.takenAt });
    await putBack(step, choice);
    expect(shown()).toBe(copied);
  });

  it('is that of the backup before, of all stores, where one has no copy left, and only if a person agrees: what was written until the stop is lost, too', async () => {
    const manifest = await findManifest(step, step.run.id);
    await rm(copies[1]!.copy, { recursive: true });
    const choice = await choose(step);
    expect(choice).toMatchObject({ decision: 'put-back', to: manifest!.takenAt, loss: null, asks: true });
    expect(choice.reason).toContain('what was written until the stop is lost, too');
    await putBack(step, choice);
    expect(shown()).toBe(backedUp);

    // A second call, as after a lost worker, decides and does the same.
    expect(await choose(step)).toEqual(choice);
    await putBack(step, choice);
    expect(shown()).toBe(backedUp);
  });

  it('is refused where something writes while or after it is copied; a copy that is older than the others is made anew', async () => {
    const later = { ...app.step('20260105T130000Z-abc124'), pinned: step.pinned };
    const read: Step['read'] = async (request) => {
      if (request.argv[0]?.endsWith('/cp')) app.sql(`INSERT INTO jobs (name) VALUES ('by a timer')`);
      return later.read(request);
    };
    const refused = {
      type: 'NotStopped',
      message: expect.stringContaining(`main (${app.file} has changed)`) as string,
    };
    await expect(standby({ ...later, read })).rejects.toMatchObject(refused);
    await standby(later);
    const [copy] = (await readStandby(later.folder))!;
    expect(app.dump(copy!.copy)).toBe(app.dump());

    app.sql(`INSERT INTO jobs (name) VALUES ('by a timer, again')`);
    await expect(migrate(later)).rejects.toMatchObject(refused);
  });

  it('does not go into another store that the definition names since', async () => {
    const choice = await choose(step);
    const another = join(app.directory, 'another.db');
    await copyFile(app.file, another);
    const moved = { ...step.definition, databases: { main: { sqlite: { file: 'another.db' } } } };
    await expect(putBack({ ...step, definition: moved }, choice)).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining(`main is ${another} (inode `) as string,
    });
    expect(shown()).toBe(spoilt);
    expect(app.dump(another)).toBe(app.dump());
  });
});

/** Does what the store does, and fails before it, after it, or at its second call. */
function failing(store: Store, when: 'before' | 'after' | 'second'): Store['swapIn'] {
  let calls = 0;
  return async (context, record) => {
    calls += 1;
    if (when === 'before' || (when === 'second' && calls === 2)) throw new Error('the disk is gone');
    const done = await store.swapIn(context, record);
    if (when === 'after' && calls === 1) throw new Error('the disk is gone');
    return done;
  };
}
