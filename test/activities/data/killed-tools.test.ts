import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepContext } from '../../../src/activities/context.js';
import type { Store, StoreBackup } from '../../../src/activities/data/contract.js';
import { EnvFile } from '../../../src/lib/env-file.js';
import { findWhole } from '../../../src/activities/data/stored-file.js';
import { makeTree, type Tree } from './files/tree.js';
import { makeShop, type Shop } from './postgres/shop.js';

/** One tool alone is killed, as by a kernel that wants memory, while it is at work; worker and server live on. */
describe('a tool that is killed', { timeout: 60_000 }, () => {
  let shop: Shop;
  let tree: Tree;
  beforeAll(async () => {
    [shop, tree] = [await makeShop(), makeTree()];
    await appendFile(join(shop.folder, '.env'), 'PHRASE=a-long-phrase\n');
    await shop.sql(`CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 3000) i`);
  });
  afterAll(async () => {
    tree.close();
    await shop.close();
  });

  type Act = (store: Store, context: StepContext, folder: string, backup: StoreBackup) => Promise<unknown>;
  const [backup, prove, restore, standby]: Act[] = [
    (store, context, folder) => store.backup(context, folder),
    (store, context, _, stored) => store.prove(context, oldFolder(context, stored), stored),
    (store, context, _, stored) => store.restore(context, oldFolder(context, stored), stored),
    (store, context) => store.standby(context),
  ];

  it.each<[string, string, 'PostgreSQL' | 'files', Act | undefined, string]>([
    ['pg_dump', 'dumps', 'PostgreSQL', backup, ''],
    ['zstd', 'packs', 'PostgreSQL', backup, ''],
    ['openssl', 'seals', 'PostgreSQL', backup, ''],
    ['openssl', 'opens', 'PostgreSQL', prove, 'does not open into'],
    ['zstd', 'unpacks', 'PostgreSQL', prove, 'cannot be unpacked into'],
    ['pg_restore', 'proves', 'PostgreSQL', prove, 'does not restore into'],
    ['pg_restore', 'restores', 'PostgreSQL', restore, 'does not restore into'],
    ['tar', 'packs', 'files', backup, ''],
    ['tar', 'unpacks', 'files', prove, 'cannot be unpacked into'],
    ['cp', 'copies', 'files', standby, ''],
  ])(
    '%s while it %s: the failure is its own, nothing is half there, and a second try does it',
    async (tool, _verb, kind, act, words) => {
      const { store, context, folder, stored } = await old(kind, tool === 'openssl');
      if (tool === 'zstd' && stored.packed === undefined) return;
      const place = await mkdtemp(join(folder, 'new-'));
      const mortal = withMortal(tool, context, place);

      await expect(act!(store, mortal, place, stored)).rejects.toMatchObject({
        type: 'CommandFailed',
        message: expect.stringMatching(new RegExp(`${words}.*ended (by SIGKILL|with exit code)`)) as string,
      });
      expect(existsSync(join(place, 'killed'))).toBe(true);
      expect((await readdir(place)).filter((name) => !['killed', tool].includes(name))).toEqual([]);
      expect(await left(context, kind)).toEqual([]);
      await findWhole(context, folder, stored);

      // The same context: the tool is only killed once.
      const done = await act!(store, mortal, place, stored);
      if (act === backup) expect(done).toMatchObject({ contents: stored.contents, catalog: stored.catalog });
      if (act === restore || act === standby) expect(await store.has(context, done as never)).toBe(true);
    },
  );

  const backups = new Map<string, Promise<StoreBackup>>();
  /** A store with a backup that was taken when all was well. */
  async function old(kind: 'PostgreSQL' | 'files', encrypted: boolean) {
    const { store, context } = kind === 'files' ? tree : encrypted ? sealing(shop) : shop;
    const folder = oldFolder(context, encrypted ? { sealed: {} } : {});
    await mkdir(folder, { recursive: true });
    if (!backups.has(folder)) backups.set(folder, store.backup(context, folder));
    return { store, context, folder, stored: await backups.get(folder)! };
  }

  function oldFolder({ home }: StepContext, { sealed }: { sealed?: object }): string {
    return join(home, sealed ? 'sealed' : 'plain');
  }

  /** What an attempt has no reason to leave behind. */
  async function left(context: StepContext, kind: 'PostgreSQL' | 'files'): Promise<string[]> {
    const plain = join(context.folder, 'plain');
    const scraps = existsSync(plain) ? await readdir(plain) : [];
    if (kind === 'files') return scraps;
    return [...scraps, ...(await shop.databases()).filter((name) => name !== shop.name)];
  }
});

function sealing({ store, context, folder }: Shop) {
  const definition = { ...context.definition, backup: { encrypt: { passphrase: '$PHRASE' } } };
  return { store, context: { ...context, definition, env: EnvFile.read(join(folder, '.env')) } };
}

/** The same host, where that one program is killed the first time that it really works. */
function withMortal(tool: string, context: StepContext, folder: string): StepContext {
  const path = join(folder, tool);
  const instead = async (real: string) => {
    await writeFile(path, script.replaceAll('REAL', real).replaceAll('FOLDER', folder), { mode: 0o755 });
    return path;
  };
  const { tools } = context;
  return {
    ...context,
    tools: {
      find: async (name) => (name === tool ? instead(await tools.find(name)) : tools.find(name)),
      postgres: async (name, wanted) => {
        const found = await tools.postgres(name, wanted);
        return name === tool ? { ...found, path: await instead(found.path) } : found;
      },
    },
  };
}

const script = `#!/bin/sh
case "$*" in *--version*|*--list*) exec REAL "$@" ;; esac
[ -e FOLDER/killed ] && exec REAL "$@"
: >FOLDER/killed
REAL "$@" <&0 & sleep 0.02; kill -9 $!; kill -9 $$
`;
