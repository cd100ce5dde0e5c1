import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Definition, Migrations, Release } from '../../../src/model.js';
import { cached } from '../../stack/cached.js';
import { freshDatabase, type TestDatabase } from '../../stack/database.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';
import { commit, git, write } from '../source/repository.js';

/** A checkout with real sequelize-cli, its migrations in Git, and a database of its own. */
export interface Project {
  directory: string;
  database: TestDatabase;
  /** Of the live database, or the path of its file. */
  url: string;
  /** Migrations as a release: names to bodies. */
  release(version: string, migrations: Record<string, string>): Release;
  step(options?: StepOptions): TestStep;
  remove(): Promise<void>;
}
interface StepOptions {
  at?: Parameters<typeof stepContext>[0]['at'];
  sequelize?: NonNullable<Migrations['sequelize']>;
  url?: string;
}

const run = promisify(execFile);
const shop = fileURLToPath(new URL('../../../examples/shop/versions/1.0.0/', import.meta.url));
const sqlite3 = fileURLToPath(new URL('../../stack/sqlite3/', import.meta.url));
export const connections = {
  PostgreSQL: `{ use_env_variable: 'DATABASE_URL', dialect: 'postgres' }`,
  SQLite: `{ storage: process.env.DATABASE_URL, dialect: 'sqlite' }`,
};

/** Installs what the shop's lock file pins, and a SQLite for it; the folder is shared by every project of a test file. */
export async function installTool(): Promise<{ modules: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sequelize-'));
  await install(shop, ['package.json', 'package-lock.json'], folder);
  const files = ['package.json', 'package-lock.json', 'index.js'];
  const driver = await cached('sqlite3', files.map((file) => join(sqlite3, file)), (made) => install(sqlite3, files, made)); // prettier-ignore
  symlinkSync(driver, join(folder, 'node_modules/sqlite3'));
  return { modules: join(folder, 'node_modules'), remove: () => rmSync(folder, { recursive: true }) };
}

async function install(from: string, files: string[], folder: string): Promise<void> {
  for (const file of files) cpSync(join(from, file), join(folder, file));
  await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
}

export async function makeProject(
  modules: string,
  on: keyof typeof connections = 'PostgreSQL',
  superuser?: string,
): Promise<Project> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-project-'));
  const directory = join(root, 'live');
  const database = await freshDatabase(superuser);
  const file = join(root, 'app.sqlite3');
  mkdirSync(directory);
  git(directory, 'init', '--quiet', '--initial-branch=main');
  write(directory, {
    '.gitignore': '.env\nnode_modules\n',
    'config/config.js': `module.exports = { development: ${connections[on]}, production: ${connections[on]} };\n`,
  });
  symlinkSync(modules, join(directory, 'node_modules'));
  const address = on === 'SQLite' ? file : database.ownerUrl;
  writeFileSync(join(root, 'env'), `DATABASE_URL=${address}\nNODE_ENV=production\nGUARD=true\n`);
  return {
    directory,
    database,
    url: address,
    release(version, migrations) {
      rmSync(join(directory, 'migrations'), { recursive: true, force: true });
      const files = Object.entries(migrations).map(([name, body]) => [`migrations/${name}`, body]);
      return {
        version,
        sha: commit(directory, Object.fromEntries([['VERSION', version], ...files]) as Record<string, string>),
      };
    },
    step({ at, sequelize = {}, url = '$DATABASE_URL' } = {}) {
      const databases: Definition['databases'] = {
        main:
          on === 'SQLite'
            ? { sqlite: { file, variable: 'DATABASE_URL' } }
            : { postgres: { url, backup_url: url, admin_url: url } },
      };
      const definition = definitionOf(directory, { databases, migrations: { sequelize } });
      const env = join(root, 'env');
      return stepContext({ definition, folder: join(root, 'run'), home: root, env, at: { step: 'migrate', ...at } });
    },
    async remove() {
      await database.drop();
      rmSync(root, { recursive: true });
    },
  };
}

/** A migration of those two bodies. */
export function migration(up: string, down = ''): string {
  return `module.exports = { up: async (q) => { ${up} }, down: async (q) => { ${down} } };\n`;
}

/** A migration that makes a table of one column, and drops it. */
export function table(name: string): string {
  return migration(
    `await q.sequelize.query('CREATE TABLE ${name} (id int)');`,
    `await q.sequelize.query('DROP TABLE ${name}');`,
  );
}
