import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openByHand, type Sealed } from '../../../src/activities/data/seal.js';
import { storeFile, withPlainFile } from '../../../src/activities/data/stored-file.js';
import type { BackupRules } from '../../../src/model.js';
import { failureType } from '../../../src/errors.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';
import { canMount, smallDisk } from '../../stack/small-disk.js';
import { makeShop } from './postgres/shop.js';

const passphrase = `Größe '" $HOME \\ 17`;
const content = Buffer.concat([Buffer.from('a dump\n'), Buffer.alloc(300_000, 'row ')]);
let folder: string;
let identity: string;
let recipient: string;
let env: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-seal-'));
  execFileSync('age-keygen', ['-o', join(folder, 'key.txt')], { stdio: 'ignore' });
  identity = /AGE-SECRET-KEY-\S+/.exec(readFileSync(join(folder, 'key.txt'), 'utf8'))?.[0] ?? '';
  recipient = execFileSync('age-keygen', ['-y', join(folder, 'key.txt')], { encoding: 'utf8' }).trim();
  env = join(folder, '.env');
  await writeFile(env, `BACKUP_PASSPHRASE=\`${passphrase}\`\nEMPTY=\nBACKUP_IDENTITY=${identity}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ways: [string, () => BackupRules['encrypt'], () => Record<string, string>][] = [
  ['openssl', () => ({ passphrase: '$BACKUP_PASSPHRASE' }), () => ({ BACKUP_PASSPHRASE: passphrase })],
  ['age', () => ({ recipients: [recipient], identity: '$BACKUP_IDENTITY' }), () => ({})],
  ['age, key in a file', () => ({ recipients: [recipient], identity: join(folder, 'key.txt') }), () => ({})],
];

describe.each(ways)('A file stored for %s', (_way, encrypt, secrets) => {
  it('opens by the command that a person types, and for us, and lies plain nowhere', async () => {
    const { context, place } = await stage(encrypt());
    const stored = await storeFile(context, place, 'shop.dump', (path) => writeFile(path, content));
    expect(readdirSync(place)).toEqual([stored.file]);
    expect(statSync(join(place, stored.file)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(place, stored.file)).includes('a dump')).toBe(false);
    const [byHand, opened] = [openByHand(stored.sealed as Sealed, stored.file, 'by-hand'), join(place, 'by-hand')];
    const typed = byHand.replace('KEY-FILE', join(folder, 'key.txt'));
    execFileSync('sh', ['-c', typed], { cwd: place, env: { PATH: process.env.PATH, ...secrets() } });
    expect(readFileSync(opened).equals(content)).toBe(true);
    expect(await withPlainFile(context, place, stored, (path) => readFile(path))).toEqual(content);
    expect(readdirSync(join(context.folder, 'plain'))).toEqual([]);
    expect(JSON.stringify([context.argvs, stored, context.lines])).not.toMatch(/Größe|AGE-SECRET/);
  });

  it('is refused where it was cut, or opens into something else', async () => {
    const { context, place } = await stage(encrypt());
    const stored = await storeFile(context, place, 'shop.dump', (path) => writeFile(path, content));
    const used = () => Promise.reject(new Error('it was used'));
    const { plain } = stored.sealed!;
    const another = { ...stored, sealed: { ...stored.sealed!, plain: { ...plain, sha256: '0'.repeat(64) } } };
    await expect(withPlainFile(context, place, another, used)).rejects.toThrow(/opens into another file/);
    await truncate(join(place, stored.file), stored.bytes - 16);
    await expect(withPlainFile(context, place, stored, used)).rejects.toThrow(/is not the one that was written/);
  });

  it.skipIf(!canMount)('is not called bad where the disk is full that it is sealed or opened on', async () => {
    const disk = smallDisk(2);
    try {
      const { context, place } = await stage(encrypt());
      const stored = await storeFile(context, place, 'shop.dump', (path) => writeFile(path, content));
      const cramped = { ...context, folder: disk.path };
      disk.leave(0);
      const use = (path: string) => readFile(path);
      await expect(withPlainFile(cramped, place, stored, use)).rejects.toMatchObject({
        type: 'NoRoom',
        message: expect.stringMatching(/\/shop\.dump\.\w+ does not open into .*\/plain\/shop\.dump: /) as string,
      });
      const full = storeFile(context, disk.path, 'shop.dump', (path) => writeFile(path, content));
      await expect(full).rejects.toMatchObject({
        type: 'NoRoom',
        message: expect.stringMatching(/\/shop\.dump\.\w+ cannot be written: /) as string,
      });
      expect([readdirSync(disk.path), readdirSync(join(disk.path, 'plain'))]).toEqual([['filler', 'plain'], []]);
      disk.leave(1);
      expect(await withPlainFile(cramped, place, stored, use)).toEqual(content);
    } finally {
      disk.remove();
    }
  });

  it('leaves nothing where its writer fails', async () => {
    const { context, place } = await stage(encrypt());
    const broken = storeFile(context, place, 'shop.dump', () => Promise.reject(new Error('no room')));
    await expect(broken).rejects.toThrow('no room');
    expect(readdirSync(place)).toEqual([]);
    expect(readdirSync(join(context.folder, 'plain'))).toEqual([]);
  });
});

describe('An encrypted backup', () => {
  it('does not open with another passphrase, and says so without naming one', async () => {
    const { context, place } = await stage({ passphrase: '$BACKUP_PASSPHRASE' });
    const stored = await storeFile(context, place, 'shop.dump', (path) => writeFile(path, content));
    await writeFile(join(folder, 'other.env'), 'BACKUP_PASSPHRASE=another-one\n');
    const { context: other } = await stage({ passphrase: '$BACKUP_PASSPHRASE' }, join(folder, 'other.env'));
    const refused = await withPlainFile(other, place, stored, () => Promise.resolve()).catch((error: unknown) => error);
    expect(failureType(refused)).toBe('BackupUnusable');
    expect(String(refused)).toMatch(/shop\.dump\.enc/);
    expect(String(refused)).not.toMatch(/another-one|Größe/);
  });

  it('is refused without a passphrase', async () => {
    const { context, place } = await stage({ passphrase: '$EMPTY' });
    const stored = storeFile(context, place, 'shop.dump', (path) => writeFile(path, content));
    await expect(stored).rejects.toThrow('EMPTY is empty');
    expect(readdirSync(place)).toEqual([]);
  });

  it('of a PostgreSQL database is proven, and restored, from the encrypted file', async () => {
    const shop = await makeShop();
    try {
      await shop.sql(`CREATE TABLE events AS SELECT i AS id, 'event ' || i AS name FROM generate_series(1, 500) i`);
      const events = 'SELECT count(*), sum(id), min(name) FROM events';
      const before = await shop.sql(events);
      Object.assign(shop.context.definition.backup, {
        encrypt: { recipients: [recipient], identity: join(folder, 'key.txt') },
      });
      const place = join(shop.folder, 'backup');
      await mkdir(place);
      const backup = await shop.store.backup(shop.context, place);
      expect(readdirSync(place)).toEqual([expect.stringMatching(/^shop\.dump(\.zst)?\.age$/)]);
      expect((await shop.store.prove(shop.context, place, backup)).note).toContain('found equal');
      await shop.sql('DELETE FROM events');
      const copy = await shop.store.restore(shop.context, place, backup);
      await shop.store.swapIn(shop.context, copy);
      expect(await shop.sql(events)).toEqual(before);
      expect(existsSync(join(shop.context.folder, 'plain', 'shop.dump'))).toBe(false);
    } finally {
      await shop.close();
    }
  });
});

async function stage(encrypt: BackupRules['encrypt'], file = env) {
  const place = await mkdtemp(join(folder, 'backup-'));
  const definition = definitionOf(folder, { backup: encrypt ? { encrypt } : {} });
  const step = stepContext({ definition, folder: `${place}-run`, home: folder, env: file });
  const argvs: string[][] = [];
  const context: TestStep & { argvs: string[][] } = {
    ...step,
    argvs,
    read: (request) => {
      argvs.push(request.argv);
      return step.read(request);
    },
  };
  return { context, place };
}
