import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTools } from '../../src/lib/tools.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'slipway-tools-'))));
afterEach(() => rmSync(folder, { recursive: true }));

/** A program that says its version as PostgreSQL's do. */
function program(path: string, major = 0): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho "pg_dump (PostgreSQL) ${major}.3"\n`);
  chmodSync(file, 0o755);
  return file;
}

describe('findTools', () => {
  it('obeys the setting before PATH', async () => {
    const mine = program('mine/temporal-1.9');
    program('path/temporal');
    const tools = findTools({ SLIPWAY_TEMPORAL: mine, PATH: join(folder, 'path') });
    expect(await tools.find('temporal')).toBe(mine);
  });

  it('takes every program of PostgreSQL from SLIPWAY_POSTGRES_BIN', async () => {
    const mine = program('pg/pg_restore');
    program('path/pg_restore');
    const tools = findTools({ SLIPWAY_POSTGRES_BIN: join(folder, 'pg'), PATH: join(folder, 'path') });
    expect(await tools.find('pg_restore')).toBe(mine);
  });

  it('refuses a setting that names no program, rather than running another one', async () => {
    program('path/temporal');
    const tools = findTools({ SLIPWAY_TEMPORAL: join(folder, 'typo'), PATH: join(folder, 'path') });
    await expect(tools.find('temporal')).rejects.toMatchObject({
      type: 'ToolMissing',
      message: `SLIPWAY_TEMPORAL is set, but ${folder}/typo is not a program: correct it or unset SLIPWAY_TEMPORAL`,
    });
  });

  it('finds on PATH before the cache, and skips files and folders that cannot be run', async () => {
    mkdirSync(join(folder, 'first/temporal'), { recursive: true });
    chmodSync(program('second/temporal'), 0o644);
    const there = program('third/temporal');
    program('cache/bin/temporal');
    const PATH = ['first', 'second', 'third'].map((name) => join(folder, name)).join(':');
    expect(await findTools({ PATH, SLIPWAY_CACHE: join(folder, 'cache') }).find('temporal')).toBe(there);
  });

  it('finds in the cache what is nowhere else, the newest PostgreSQL first', async () => {
    const temporal = program('cache/bin/temporal');
    program('cache/postgresql/9/bin/psql');
    const psql = program('cache/postgresql/16/bin/psql');
    const tools = findTools({ SLIPWAY_IGNORE_PATH: '1', SLIPWAY_CACHE: join(folder, 'cache') });
    expect(await tools.find('temporal')).toBe(temporal);
    expect(await tools.find('psql')).toBe(psql);
  });

  it('says how a missing program is had', async () => {
    const tools = findTools({ SLIPWAY_IGNORE_PATH: '1', SLIPWAY_CACHE: folder });
    await expect(tools.find('pg_dump')).rejects.toMatchObject({
      type: 'ToolMissing',
      message: 'pg_dump is not on this host: set SLIPWAY_POSTGRES_BIN, put it on PATH, or run `npm run setup`',
    });
    await expect(tools.find('age')).rejects.toThrow(
      'age is not on this host: install it, or set SLIPWAY_AGE to its path',
    );
  });

  describe('for a server of a given version', () => {
    const cached = (): Record<string, string> => ({ SLIPWAY_IGNORE_PATH: '1', SLIPWAY_CACHE: join(folder, 'cache') });

    it('takes the same version, else the next newer one', async () => {
      program('cache/postgresql/14/bin/pg_dump', 14);
      const sixteen = program('cache/postgresql/16/bin/pg_dump', 16);
      const eighteen = program('cache/postgresql/18/bin/pg_dump', 18);
      expect(await findTools(cached()).postgres('pg_dump', 16)).toMatchObject({ path: sixteen });
      expect(await findTools(cached()).postgres('pg_dump', 15)).toMatchObject({ path: sixteen });
      expect(await findTools(cached()).postgres('pg_dump', 17)).toMatchObject({ path: eighteen });
    });

    it('refuses older ones, wherever they come from', async () => {
      program('cache/postgresql/15/bin/pg_dump', 15);
      const message = /^pg_dump 15 is too old for a PostgreSQL 16 server: install postgresql-client-16, or set/;
      await expect(findTools(cached()).postgres('pg_dump', 16)).rejects.toThrow(message);
      const set = { SLIPWAY_PG_DUMP: join(folder, 'cache/postgresql/15/bin/pg_dump') };
      await expect(findTools(set).postgres('pg_dump', 16)).rejects.toThrow(message);
    });
  });
});

it('finds the programs of the machine that runs the tests', async () => {
  const said = execFileSync(await findTools().find('psql'), ['--version'], { encoding: 'utf8' });
  expect(said).toMatch(/^psql \(PostgreSQL\) \d+/);
});
