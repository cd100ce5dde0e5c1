import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Definition } from '../../src/model.js';
import { makeShop } from '../activities/data/postgres/shop.js';

/** What is backed up, changed by a release, and put back. */
export interface Live {
  /** Of its records. */
  folder: string;
  directory: string;
  parts: Partial<Definition>;
  env?: string;
  /** Between two backups, so that one differs from the other. */
  grow(): Promise<void>;
  /** As a release does. */
  change(): Promise<void>;
  /** The same text for the same content. */
  shown(): Promise<string>;
  close(): Promise<void>;
}

export const kinds = ['postgres', 'sqlite and files', 'sealed by age, copied', 'sealed by openssl, copied'] as const;
export type Kind = (typeof kinds)[number];

export function makeLive(kind: Kind, superuser?: string): Promise<Live> {
  if (kind === 'postgres') return postgres(superuser);
  return kind === 'sqlite and files' ? sqliteAndFiles() : sealed(kind === 'sealed by age, copied' ? 'age' : 'openssl');
}

/** A SQLite file and files, whose backups are encrypted, and lie in a second place, too. */
async function sealed(by: 'age' | 'openssl'): Promise<Live> {
  const live = await sqliteAndFiles();
  const [identity, env] = [join(live.folder, 'key.txt'), join(live.folder, '.env')];
  execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' });
  const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
  await mkdir(join(live.folder, 'second'));
  await writeFile(env, 'PHRASE=a-long-phrase\n');
  const encrypt = by === 'age' ? { recipients: [recipient], identity } : { passphrase: '$PHRASE' };
  return { ...live, env, parts: { ...live.parts, backup: { encrypt, copy_to: join(live.folder, 'second') } } };
}

async function postgres(superuser?: string): Promise<Live> {
  const shop = await makeShop(superuser ? { superuser } : {});
  await shop.sql(`CREATE TABLE orders (id int PRIMARY KEY, text text)`);
  await shop.sql(`INSERT INTO orders SELECT i, md5(i::text) FROM generate_series(1, 2000) i`);
  const connections = { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' };
  return {
    folder: shop.folder,
    directory: shop.folder,
    parts: { databases: { shop: { postgres: connections } } },
    env: join(shop.folder, '.env'),
    grow: async () => void (await shop.sql(`INSERT INTO orders VALUES (0, 'another')`)),
    change: async () => void (await shop.sql('DELETE FROM orders WHERE id > 1000')),
    shown: async () =>
      JSON.stringify(await shop.sql('SELECT count(*), md5(string_agg(text, id::text ORDER BY id)) FROM orders')),
    close: () => shop.close(),
  };
}

/** One recovery point over two stores. */
async function sqliteAndFiles(): Promise<Live> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-corrupted-'));
  const directory = join(folder, 'live');
  const sh = (script: string) => execFileSync('sh', ['-ec', script], { cwd: directory, encoding: 'utf8' });
  const sql = (text: string) => `python3 -c 'import sqlite3, sys; c = sqlite3.connect("app.db"); ${text}; c.commit()'`;
  execFileSync('mkdir', ['-p', join(directory, 'uploads/some')]);
  sh(`for i in 1 2 3; do head -c 5000 /dev/urandom >uploads/some/$i; done
    ${sql('c.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, text TEXT)"); c.executemany("INSERT INTO orders VALUES (?, hex(randomblob(16)))", [(i,) for i in range(500)])')}`);
  return {
    folder,
    directory,
    parts: { databases: { shop: { sqlite: { file: 'app.db' } } }, files: { keep: ['uploads'] } },
    grow: async () =>
      void sh(`echo more >uploads/more; ${sql('c.execute("INSERT INTO orders (text) VALUES (hex(randomblob(16)))")')}`),
    change: async () => void sh(`rm uploads/some/2; ${sql('c.execute("DELETE FROM orders WHERE id > 100")')}`),
    shown: async () =>
      sh(`find uploads -type f -exec sha256sum {} + | sort; ${sql('print(*c.iterdump(), sep=chr(10))')}`),
    close: () => rm(folder, { recursive: true }),
  };
}
