import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withLock } from '../../src/lib/lock.js';
import { killHard, otherProcess, outputOf, temporaryFolder, until } from './support.js';

const holdForEver = `await lib.withLock(args[0], 'the other one', async () => { process.stdout.write('in'); await new Promise((resolve) => setTimeout(resolve, 60000)); });`;

/** Adds 1 to a number in a file, in a way that loses counts when two do it at once. */
const countUp = `
  const { readFileSync, writeFileSync } = await import('node:fs');
  for (let round = 0; round < Number(args[2]); round += 1) {
    await lib.withLock(args[0], 'counter', async () => {
      const count = Number(readFileSync(args[1], 'utf8'));
      await new Promise((resolve) => setImmediate(resolve));
      writeFileSync(args[1], String(count + 1));
    }, { waitMs: 30000 });
  }`;

describe('withLock', () => {
  it('lets the callers of one process in one after the other, and leaves nothing behind', async () => {
    const folder = temporaryFolder();
    const log: string[] = [];
    const enter = (name: string): Promise<string> =>
      withLock(join(folder, 'lock'), name, async () => {
        log.push(`${name} in`);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(`${name} out`);
        return name;
      });
    expect(await Promise.all([enter('a'), enter('b'), enter('c')])).toEqual(['a', 'b', 'c']);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is given back when the work fails, and when a waiting caller gives up', async () => {
    const path = join(temporaryFolder(), 'lock');
    const failed = withLock(path, 'a', () => Promise.reject(new Error('no')));
    const abort = new AbortController();
    const waiting = withLock(path, 'b', async () => 'b', { signal: abort.signal });
    abort.abort(new Error('given up'));
    const last = withLock(path, 'c', async () => 'c');
    await expect(failed).rejects.toThrow('no');
    await expect(waiting).rejects.toThrow('given up');
    expect(await last).toBe('c');
  });

  it('names who holds it: another process, its pid and since when', async () => {
    const path = join(temporaryFolder(), 'lock');
    const other = otherProcess('lock.ts', holdForEver, path);
    await until(() => existsSync(path));
    await expect(withLock(path, 'me', async () => undefined)).rejects.toMatchObject({
      type: 'Held',
      message: expect.stringMatching(new RegExp(`the other one holds ${path} \\(pid ${other.pid}, since 20`)) as string,
    });
    const waiting = withLock(path, 'me', async () => 'in', { waitMs: 10_000 });
    await killHard(other);
    expect(await waiting).toBe('in');
  });

  it('lets ten processes in one by one after the holder was killed', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'lock');
    const count = join(folder, 'count');
    writeFileSync(count, '0');
    const dead = otherProcess('lock.ts', holdForEver, path);
    await until(() => existsSync(path));
    await killHard(dead);
    const contenders = Array.from({ length: 10 }, () => otherProcess('lock.ts', countUp, path, count, '20'));
    await Promise.all(contenders.map(outputOf));
    expect(readFileSync(count, 'utf8')).toBe('200');
    expect(readdirSync(folder)).toEqual(['count']);
  }, 120_000);

  it('takes a lock over whose taker died as well', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'lock');
    const content = (id: string): string =>
      JSON.stringify({ bootId: 'an earlier one', pid: 1, startTime: '1', holder: 'x', since: '', id });
    writeFileSync(path, content('first'));
    writeFileSync(`${path}.first`, content('second'));
    expect(await withLock(path, 'me', async () => 'in')).toBe('in');
    expect(readdirSync(folder)).toEqual([]);
  });
});
