import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepContext } from '../../../src/activities/context.js';
import type { Store, StoreBackup } from '../../../src/activities/data/contract.js';
import { findWhole } from '../../../src/activities/data/stored-file.js';
import { failureType } from '../../../src/errors.js';
import { EnvFile } from '../../../src/lib/env-file.js';
import type { BackupRules } from '../../../src/model.js';
import { makeTree, type Tree } from './files/tree.js';
import { makeShop, type Shop } from './postgres/shop.js';
import { makeApp, type App } from './sqlite/app.js';

type Kind = 'PostgreSQL' | 'SQLite' | 'files';
type Sealer = 'openssl' | 'age';

/** One tool alone is killed, as by a kernel that wants memory, while it is at work; worker and server live on. */
describe('a tool that is killed', () => {
  let shop: Shop;
  let tree: Tree;
  let app: App;
  beforeAll(async () => {
    [shop, tree, app] = [await makeShop(), makeTree(), await makeApp()];
    await appendFile(join(shop.folder, '.env'), 'PHRASE=a-long-phrase\n');
    execFileSync('age-keygen', ['-o', join(shop.folder, 'key.txt')], { stdio: 'ignore' });
    await shop.sql(`CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 3000) i`);
  });
  afterAll(async () => {
    tree.close();
    app.close();
    await shop.close();
  });

  type Act = (store: Store, context: StepContext, folder: string, backup: StoreBackup) => Promise<unknown>;
  const [backup, prove, restore, standby]: Act[] = [
    (store, context, folder) => store.backup(context, folder),
    (store, context, _, stored) => store.prove(context, oldFolder(context, stored), stored),
    (store, context, _, stored) => store.restore(context, oldFolder(context, stored), stored),
    (store, context) => store.standby(context),
  ];

  it.each<[string, string, Kind, Act | undefined, string]>([
    ['pg_dump', 'dumps', 'PostgreSQL', backup, ''],
    ['zstd', 'packs', 'PostgreSQL', backup, ''],
    ['openssl', 'seals', 'PostgreSQL', backup, ''],
    ['openssl', 'opens', 'PostgreSQL', prove, 'does not open into'],
    ['age', 'seals', 'PostgreSQL', backup, ''],
    ['age', 'opens', 'PostgreSQL', prove, 'does not open into'],
    ['zstd', 'unpacks', 'PostgreSQL', prove, 'cannot be unpacked into'],
    ['pg_restore', 'proves', 'PostgreSQL', prove, 'does not restore into'],
    ['pg_restore', 'restores', 'PostgreSQL', restore, 'does not restore into'],
    ['python3', 'copies', 'SQLite', backup, ''],
    ['python3', 'reads', 'SQLite', prove, 'does not restore into'],
    ['tar', 'packs', 'files', backup, ''],
    ['tar', 'unpacks', 'files', prove, 'cannot be unpacked into'],
    ['python3', 'lists', 'files', backup, ''],
    ['python3', 'walks', 'files', prove, ''],
    ['cp', 'copies', 'files', standby, ''],
  ])(
    '%s while it %s: the failure is its own, nothing is half there, and a second try does it',
    async (tool, _verb, kind, act, words) => {
      const { store, context, folder, stored } = await old(
        kind,
        tool === 'openssl' || tool === 'age' ? tool : undefined,
      );
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

  it('the throwaway server while a proof is on it: nothing is said against the backup, nothing of it stays, and a second try does it', async () => {
    const { store, context, folder, stored } = await old('PostgreSQL');
    const place = await mkdtemp(join(folder, 'new-'));
    const before = await left(context, 'PostgreSQL');
    const servers = `slipway-pg-${process.pid}-`;
    const mortal = withMortal('pg_restore', context, place, endingServer(join(tmpdir(), servers)));
    await shop.beside(`ALTER ROLE ${shop.name}_admin NOCREATEDB`);
    try {
      const error: unknown = await store.prove(mortal, folder, stored).catch((thrown: unknown) => thrown);
      expect(existsSync(join(place, 'killed'))).toBe(true);
      expect(String(error)).toMatch(/connection/i);
      expect(failureType(error)).not.toBe('BackupUnusable');
      expect((await readdir(tmpdir())).filter((name) => name.startsWith(servers))).toEqual([]);
      expect(await left(context, 'PostgreSQL')).toEqual(before);
      await findWhole(context, folder, stored);
      await store.prove(mortal, folder, stored);
    } finally {
      await shop.beside(`ALTER ROLE ${shop.name}_admin CREATEDB`);
    }
  });

  const backups = new Map<string, Promise<StoreBackup>>();
  /** A store with a backup that was taken when all was well. */
  async function old(kind: Kind, by?: Sealer) {
    const { store, context } = { files: tree, SQLite: app, PostgreSQL: by ? sealing(shop, by) : shop }[kind];
    const folder = oldFolder(context, by ? { sealed: { by } } : {});
    await mkdir(folder, { recursive: true });
    if (!backups.has(folder)) backups.set(folder, store.backup(context, folder));
    return { store, context, folder, stored: await backups.get(folder)! };
  }

  function oldFolder({ home }: StepContext, { sealed }: { sealed?: { by: Sealer } }): string {
    return join(home, sealed?.by ?? 'plain');
  }

  /** What an attempt has no reason to leave behind. */
  async function left(context: StepContext, kind: Kind): Promise<string[]> {
    const plain = join(context.folder, 'plain');
    const scraps = existsSync(plain) ? await readdir(plain) : [];
    if (kind !== 'PostgreSQL') return scraps;
    return [...scraps, ...(await shop.databases()).filter((name) => name !== shop.name)];
  }
});

function sealing({ store, context, folder }: Shop, by: Sealer) {
  const identity = join(folder, 'key.txt');
  const recipient = () => execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
  const encrypt: BackupRules['encrypt'] =
    by === 'age' ? { recipients: [recipient()], identity } : { passphrase: '$PHRASE' };
  const definition = { ...context.definition, backup: { encrypt } };
  return { store, context: { ...context, definition, env: EnvFile.read(join(folder, '.env')) } };
}

/** The same host, where that one program is killed the first time that it really works. */
function withMortal(tool: string, context: StepContext, folder: string, script = killed): StepContext {
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

const once = `#!/bin/sh
case "$*" in *--version*|*--list*) exec REAL "$@" ;; esac
[ -e FOLDER/killed ] && exec REAL "$@"
: >FOLDER/killed
`;
const killed = `${once}REAL "$@" <&0 & sleep 0.02; kill -9 $!; kill -9 $$\n`;

/** Kills the server that it is to work on, whose folder's path begins so, instead of itself. */
function endingServer(folder: string): string {
  return `${once}kill -9 $(head -n 1 ${folder}*/data/postmaster.pid); exec REAL "$@"\n`;
}
