import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  appendDurably,
  hashOf,
  makeFolder,
  readJson,
  sha256File,
  sha256Written,
  writeAtomic,
} from '../../src/lib/files.js';
import { canMount, smallDisk } from '../stack/small-disk.js';
import { temporaryFolder } from './support.js';

describe('files', () => {
  it('replaces a file whole, for its owner alone, and leaves no temporary file', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.json');
    await writeAtomic(path, 'a long first content');
    await writeAtomic(path, 'second');
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777, readdirSync(folder)]).toEqual([
      'second',
      0o600,
      ['a.json'],
    ]);
  });

  it('keeps the old file, and leaves no temporary one, when the new one cannot take its place', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a', 'b'), { recursive: true });
    await expect(writeAtomic(join(folder, 'a'), 'x')).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it.skipIf(!canMount)(
    'names the file on a full disk, which keeps what it had, beside no piece of the new one',
    async () => {
      const disk = smallDisk(1);
      try {
        const [path, log] = [join(disk.path, 'a.json'), join(disk.path, 'log')];
        await writeAtomic(path, 'old');
        await appendDurably(log, 'a line\n');
        disk.leave(0);
        const named = (name: string) =>
          expect.stringMatching(new RegExp(`/${name} cannot be written: ENOSPC`)) as string;
        await expect(writeAtomic(path, 'x'.repeat(2 ** 21))).rejects.toMatchObject({
          code: 'ENOSPC',
          message: named('a.json'),
        });
        await expect(appendDurably(log, 'x'.repeat(2 ** 21))).rejects.toMatchObject({ message: named('log') });
        expect([readFileSync(path, 'utf8'), readdirSync(disk.path)]).toEqual(['old', ['a.json', 'filler', 'log']]);
      } finally {
        disk.remove();
      }
    },
  );

  it('holds one of the contents, whole, after many writers at once', async () => {
    const path = join(temporaryFolder(), 'a');
    const contents = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(5_000));
    await Promise.all(contents.map((content) => writeAtomic(path, content)));
    expect(contents).toContain(readFileSync(path, 'utf8'));
  });

  it('appends, and makes the file where there is none', async () => {
    const path = join(temporaryFolder(), 'a');
    await appendDurably(path, 'ä\n');
    await appendDurably(path, 'b\n');
    expect(readFileSync(path, 'utf8')).toBe('ä\nb\n');
  });

  it('reads JSON, gives undefined for a missing file, and throws for a broken one', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'good'), '{"a":1}');
    writeFileSync(join(folder, 'bad'), '{"a":');
    expect(await readJson(join(folder, 'good'))).toEqual({ a: 1 });
    expect(await readJson(join(folder, 'missing'))).toBeUndefined();
    await expect(readJson(join(folder, 'bad'))).rejects.toThrow(SyntaxError);
  });

  it('makes a folder with its parents, and is content with one that is there', async () => {
    const path = join(temporaryFolder(), 'a', 'b', 'c');
    await makeFolder(path);
    await makeFolder(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('hashes a file as sha256', async () => {
    const path = join(temporaryFolder(), 'a');
    writeFileSync(path, 'x'.repeat(3_000_000));
    expect(await sha256File(path)).toBe(createHash('sha256').update('x'.repeat(3_000_000)).digest('hex'));
  });

  it('hashes a file while it is written, to its end, and fails as its writer does once that has ended', async () => {
    const path = join(temporaryFolder(), 'a');
    writeFileSync(path, '');
    const write = async () => {
      for (let piece = 0; piece < 20; piece += 1) {
        await sleep(5);
        appendFileSync(path, 'x'.repeat(150_000));
      }
    };
    expect(await sha256Written(path, write())).toBe(createHash('sha256').update('x'.repeat(3_000_000)).digest('hex'));
    const broken = write().then(() => Promise.reject(new Error('no room')));
    await expect(sha256Written(path, broken)).rejects.toThrow('no room');
    expect(statSync(path).size).toBe(6_000_000);
  });

  it('hashes equal values alike whatever the order of their keys, and others not', () => {
    expect(hashOf({ a: 1, b: { c: [1, 2], d: undefined } })).toBe(hashOf({ b: { c: [1, 2] }, a: 1 }));
    expect(hashOf({ a: [1, 2] })).not.toBe(hashOf({ a: [2, 1] }));
    expect(hashOf({ a: '1' })).not.toBe(hashOf({ a: 1 }));
  });
});
