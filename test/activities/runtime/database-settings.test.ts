import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkServiceDatabases } from '../../../src/activities/runtime/compose/database-settings.js';
import { EnvFile } from '../../../src/lib/env-file.js';
import type { Database } from '../../../src/model.js';
import { definitionOf } from '../step-context.js';

const url = '$DATABASE_URL';
const postgres: Database = { postgres: { url, backup_url: url, admin_url: url, in: 'db' } };
const sqlite: Database = { sqlite: { file: 'data/app.db', variable: 'DATABASE_URL' } };
type Environment = Record<string, string> | string[];

function check(own: string, main: Database, environments: Record<string, Environment>) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-databases-'));
  writeFileSync(join(folder, 'env'), `DATABASE_URL='${own}'\n`);
  const services = Object.fromEntries(
    Object.entries(environments).map(([name, environment]) => [name, { environment }]),
  );
  const project = {
    ours: Object.keys(services),
    services: [...Object.keys(services), 'db', 'pool'],
    config: { services },
  };
  try {
    const context = {
      definition: definitionOf(folder, { databases: { main } }),
      env: EnvFile.read(join(folder, 'env')),
    };
    return checkServiceDatabases(context, project, 'shop.yaml:1').map(({ outcome, must, seen }) => [
      outcome,
      must,
      seen,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const own = 'postgresql://app:se$cret@127.0.0.1:5433/shop';
const is = (value: string) => ({ app: { DATABASE_URL: value } });

describe('the database that a service is told', () => {
  it('is the definition’s by its name, wherever the server is from inside; what cannot be read claims nothing', () => {
    for (const same of ['postgresql+psycopg://app:x@db:5432/shop?sslmode=disable', 'postgres://other@10.0.0.7/shop'])
      expect(check(own, postgres, is(same))).toEqual([['pass', 'must', 'they do']]);
    expect(check(own, postgres, { app: ['DATABASE_URL=postgres://app@db/shop'] })).toEqual([
      ['pass', 'must', 'they do'],
    ]);
    expect(check(own, postgres, is('mysql://db/other'))).toEqual([['pass', 'must', 'they do']]);
    expect(check(own, postgres, { app: { OTHER_URL: 'postgres://app@db/other' } })).toEqual([]);
    expect(check('sqlite:////data/app.db', sqlite, is('sqlite:///./app.db'))).toEqual([['pass', 'must', 'they do']]);
  });

  it('is NO-GO where it is surely another one, by name or kind, with both named and no secret', () => {
    const leads = (words: string) => [['fail', 'must', `DATABASE_URL of app leads to ${words}`]];
    expect(check(own, postgres, is('postgres://app:hidden@db/shop_old'))).toEqual(
      leads('the PostgreSQL database shop_old at db'),
    );
    expect(check(own, postgres, is('sqlite:////app/db.sqlite3'))).toEqual(leads('the SQLite file db.sqlite3'));
    expect(check('sqlite:////data/app.db', sqlite, is(own))).toEqual(leads('the PostgreSQL database shop'));
  });

  it('is a warning where something may stand between, or where other services have the definition’s', () => {
    expect(check(own, postgres, is('postgres://app@pool:6432/pooled'))).toMatchObject([
      ['fail', 'warn', 'DATABASE_URL of app leads to the PostgreSQL database pooled at pool'],
    ]);
    expect(check(own, postgres, is('postgres://app@pool:6432/shop'))).toMatchObject([
      ['fail', 'warn', 'DATABASE_URL of app leads to the PostgreSQL database shop at pool'],
    ]);
    const two = { app: { DATABASE_URL: own }, mail: { DATABASE_URL: 'postgres://app@db/mail' } };
    expect(check(own, postgres, two)).toMatchObject([['fail', 'warn', expect.stringContaining('of mail leads to')]]);
  });
});
