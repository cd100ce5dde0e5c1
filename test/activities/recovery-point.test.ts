import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StandbyRecord, Store } from '../../src/activities/data/contract.js';
import { filesStore } from '../../src/activities/data/files/store.js';
import { swapAll } from '../../src/activities/recovery-point.js';
import { makeApp, type App } from './data/sqlite/app.js';

describe('several stores', { timeout: 60_000 }, () => {
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
