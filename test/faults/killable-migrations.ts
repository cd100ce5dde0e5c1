import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Definition, Release } from '../../src/model.js';
import {
  environment,
  makeAlembicProject,
  revision,
  type AlembicProject,
} from '../activities/migrations/alembic-project.js';
import { makeDjangoProject, migration as djangoMigration } from '../activities/migrations/django-project.js';
import {
  connections,
  makeProject,
  migration as sequelizeMigration,
  type Project,
} from '../activities/migrations/sequelize-project.js';
import { write } from '../activities/source/repository.js';
import type { TestStep } from '../activities/step-context.js';
import type { TestDatabase } from '../stack/database.js';

/** Before each of five statements, after the last, before and after the one of the next migration, after all was written down. */
export const points = ['0', '1', '2', '3', '4', '5', '6', '7', 'end'] as const;
export const kinds = [
  'alembic',
  'alembic with autocommit_block',
  'alembic on SQLite',
  'Django',
  'Django with atomic = False',
  'Django with atomic = False on SQLite',
  'sequelize-cli',
  'sequelize-cli on SQLite',
] as const;
export type Kind = (typeof kinds)[number];

/** A database with one migration applied, and two more that kill themselves at the point that KILL_AT names. */
export interface Killable {
  directory: string;
  env: string;
  /** Migrations in all. */
  count: number;
  step(run: string, attempt: number): TestStep;
  /** What there is, by the test's own queries: applied migrations, and columns, indexes and rows, each with its content. */
  look(): Promise<{ applied: number; objects: Record<string, string> }>;
  /** Of what changed: all that is to be told. Where SQLite has other columns, each row is another one. */
  told(changed: string[]): string[];
  remove(): Promise<void>;
}

const base = 'CREATE TABLE people (id integer, name text)';
const rows = "INSERT INTO people VALUES (1, 'ann'), (2, 'bob'), (3, 'cid')";
const statements = [
  'CREATE TABLE half (id integer PRIMARY KEY, note text)',
  'ALTER TABLE people ADD COLUMN nick text',
  'UPDATE people SET name = upper(name) WHERE id < 3',
  'CREATE INDEX half_i ON people (name)',
  "INSERT INTO half VALUES (1, 'x')",
];
const last = 'CREATE TABLE later (id integer)';

const strike = `
import os, signal
def at(point):
    if os.environ.get("KILL_AT") == str(point):
        if os.environ.get("KILL_WRAPPER"): os.kill(os.getsid(0), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
`;
const strikeInNode = `
const { readFileSync } = require('fs');
const at = (point) => {
  if (process.env.KILL_AT !== String(point)) return;
  const session = Number(readFileSync('/proc/self/stat', 'utf8').replace(/.*\\) /s, '').split(' ')[3]);
  if (process.env.KILL_WRAPPER) process.kill(session, 'SIGKILL');
  process.kill(process.pid, 'SIGKILL');
  for (;;);
};
`;

export async function killable(kind: Kind, modules: string, superuser?: string): Promise<Killable> {
  if (kind.startsWith('alembic')) return alembic(kind, superuser);
  if (kind.startsWith('Django')) return django(kind, superuser);
  return sequelize(kind, modules, superuser);
}

async function alembic(kind: Kind, superuser?: string): Promise<Killable> {
  const on = kind.endsWith('SQLite') ? 'SQLite' : 'PostgreSQL';
  const project = await makeAlembicProject(on, superuser);
  const line = (sql: string, indent = '    ') => `${indent}op.execute(${JSON.stringify(sql)})\n`;
  const steps = (from: number, to: number, indent = '    ') =>
    statements
      .slice(from, to)
      .map((sql, index) => `${indent}at(${from + index})\n${line(sql, indent)}`)
      .join('');
  // What came before a block is committed by it, whatever becomes of the rest.
  const blocks = `${steps(0, 2)}    with op.get_context().autocommit_block():\n${steps(2, 4, '        ')}${steps(4, 5)}`;
  const body = kind.includes('autocommit_block') ? blocks : steps(0, 5);
  const texts = {
    one: revision('one', [], `${line(base)}${line(rows)}`.trim()),
    two: strike + revision('two', ['one'], `${body}    at(5)`.trim()),
    three: strike + revision('three', ['two'], `at(6)\n${line(last)}    at(7)`),
  };
  const make = (version: string, names: (keyof typeof texts)[]): Release => {
    const release = project.release(version, Object.fromEntries(names.map((name) => [name, texts[name]])));
    write(project.directory, { 'db/env.py': `${strike}${environment}\nat("end")\n` });
    return release;
  };
  const first = make('1', ['one']);
  await applyFirst(project.step(first), project.directory, ['python3', '-m', 'alembic', 'upgrade', 'head']);
  const second = make('2', ['one', 'two', 'three']);
  const count = `SELECT CASE version_num WHEN 'one' THEN 1 WHEN 'two' THEN 2 ELSE 3 END FROM alembic_version`;
  const file = join(project.directory, '../app.sqlite3');
  return {
    ...common(onIts(project, on), (attempt) => project.step(second, { at: { try: attempt }, previous: first })),
    look: async () => (on === 'SQLite' ? lookInSqlite(file, count) : lookInPostgres(project.database, count)),
  };
}

async function django(kind: Kind, superuser?: string): Promise<Killable> {
  const on = kind.endsWith('SQLite') ? 'SQLite' : 'PostgreSQL';
  const project = await makeDjangoProject(on, superuser);
  const point = (name: string) => `        migrations.RunPython(lambda apps, editor: at(${name})),\n`;
  const sql = (text: string) => `        migrations.RunSQL(${JSON.stringify(text)}),\n`;
  const atomic = kind === 'Django' ? '' : '    atomic = False\n';
  const texts = {
    'shop/0001_one': djangoMigration([], sql(base) + sql(rows)),
    'shop/0002_two':
      strike +
      djangoMigration(
        ['shop.0001_one'],
        statements.map((one, index) => point(String(index)) + sql(one)).join('') + point('5'),
        atomic,
      ),
    'shop/0003_three': strike + djangoMigration(['shop.0002_two'], point('6') + sql(last) + point('7'), atomic),
  };
  const first = project.release('1', { 'shop/0001_one': texts['shop/0001_one'] });
  await applyFirst(project.step(first), project.directory, ['python3', 'manage.py', 'migrate', '--noinput']);
  const second = project.release('2', texts);
  const manage = `${strike}\nimport os, sys\nos.environ["DJANGO_SETTINGS_MODULE"] = "settings"\nfrom django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\nif sys.argv[-1] == "--noinput": at("end")\n`;
  write(project.directory, { 'manage.py': manage });
  const count = `SELECT count(*) FROM django_migrations WHERE app = 'shop'`;
  return {
    ...common(project, (attempt) => project.step(second, { at: { try: attempt }, previous: first })),
    look: () =>
      project.database ? lookInPostgres(project.database, count) : Promise.resolve(lookInSqlite(project.url, count)),
  };
}

async function sequelize(kind: Kind, modules: string, superuser?: string): Promise<Killable> {
  const on = kind.endsWith('SQLite') ? 'SQLite' : 'PostgreSQL';
  const project = await makeProject(modules, on, superuser);
  const line = (sql: string) => `await q.sequelize.query(${JSON.stringify(sql)});`;
  const body = statements.map((sql, index) => `at(${index}); ${line(sql)}`).join(' ');
  const texts = {
    '1-one.js': sequelizeMigration(line(base) + line(rows)),
    '2-two.js': strikeInNode + sequelizeMigration(`${body} at(5);`),
    '3-three.js': strikeInNode + sequelizeMigration(`at(6); ${line(last)} at(7);`),
  };
  const connection = connections[on];
  write(project.directory, {
    'config/config.js': `${strikeInNode}process.on('exit', () => at('end'));\nmodule.exports = { production: ${connection} };\n`,
  });
  project.release('1', { '1-one.js': texts['1-one.js'] });
  await applyFirst(project.step(), project.directory, ['node_modules/.bin/sequelize-cli', 'db:migrate']);
  const release = project.release('2', texts);
  const step = (attempt: number): TestStep => {
    const made = project.step({ at: { try: attempt } });
    return { ...made, run: { ...made.run, version: release } };
  };
  const count = 'SELECT count(*) FROM "SequelizeMeta"';
  return {
    ...common(onIts(project, on), step),
    look: async () => (on === 'SQLite' ? lookInSqlite(project.url, count) : lookInPostgres(project.database, count)),
  };
}

/** Without the PostgreSQL that a project has in any case, where its database is a file. */
function onIts(project: AlembicProject | Project, on: 'PostgreSQL' | 'SQLite'): Parameters<typeof common>[0] {
  const { directory, database } = project;
  return { directory, ...(on === 'PostgreSQL' ? { database } : {}), remove: () => project.remove() };
}

function common(
  project: { directory: string; database?: TestDatabase | undefined; remove(): Promise<void> },
  step: (attempt: number) => TestStep,
): Omit<Killable, 'look'> {
  const { database } = project;
  const env = join(project.directory, '../env');
  if (database) appendFileSync(env, `BACKUP_URL=${database.backupUrl}\nADMIN_URL=${database.adminUrl}\n`);
  const postgres = { url: '$DATABASE_URL', backup_url: '$BACKUP_URL', admin_url: '$ADMIN_URL' };
  const databases: Definition['databases'] | undefined = database && { main: { postgres } };
  return {
    directory: project.directory,
    env,
    count: 3,
    step: (run, attempt) => {
      const made = step(attempt);
      return {
        ...made,
        run: { ...made.run, id: run },
        definition: { ...made.definition, ...(databases ? { databases } : {}) },
      };
    },
    told: (changed) =>
      database || !changed.some((name) => name.startsWith('new column'))
        ? changed
        : changed.filter((name) => !name.startsWith('rows of')),
    remove: () => project.remove(),
  };
}

/** Outside any run. */
async function applyFirst(step: TestStep, cwd: string, argv: string[]): Promise<void> {
  await step.read({ argv, cwd });
}

async function lookInPostgres(
  database: TestDatabase,
  applied: string,
): Promise<{ applied: number; objects: Record<string, string> }> {
  const client = new pg.Client({ connectionString: database.superuserUrl });
  await client.connect();
  try {
    const ask = async <T extends object>(sql: string) => (await client.query<T>(sql)).rows;
    const [count] = await ask<Record<string, number>>(applied);
    const columns = await ask<{ table: string; column: string; type: string }>(
      `SELECT table_name AS table, column_name AS column, data_type AS type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`,
    );
    const indexes = await ask<{ name: string; of: string }>(
      `SELECT indexname AS name, tablename AS of FROM pg_indexes WHERE schemaname = 'public'`,
    );
    const [people] = await ask<{ hash: string }>(
      `SELECT md5(string_agg(id || name, ',' ORDER BY id)) AS hash FROM people`,
    );
    return {
      applied: Number(Object.values(count ?? {})[0]),
      objects: objectsOf(columns, indexes, 'public.', people?.hash ?? ''),
    };
  } finally {
    await client.end();
  }
}

function lookInSqlite(file: string, applied: string): { applied: number; objects: Record<string, string> } {
  const program = `import json, sqlite3, sys
c = sqlite3.connect(sys.argv[1])
print(json.dumps([c.execute(sys.argv[2]).fetchone()[0],
  [{"table": t, "column": n, "type": k} for t, n, k in c.execute("SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1, 2")],
  [{"name": n, "of": t} for n, t in c.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'")],
  str(c.execute("SELECT id, name FROM people ORDER BY 1").fetchall())]))`;
  const [count, columns, indexes, people] = JSON.parse(
    execFileSync('python3', ['-c', program, file, applied], { encoding: 'utf8' }),
  ) as [number, Parameters<typeof objectsOf>[0], Parameters<typeof objectsOf>[1], string];
  return { applied: count, objects: objectsOf(columns, indexes, '', people) };
}

/** Named as people are to read them; of a table, what is part of it goes without saying. */
function objectsOf(
  columns: { table: string; column: string; type: string }[],
  indexes: { name: string; of: string }[],
  schema: string,
  people: string,
): Record<string, string> {
  const known = ['people', ...new Set(columns.map(({ table }) => table))];
  const made = ['half', 'later'];
  return Object.fromEntries([
    ...known.filter((table) => made.includes(table)).map((table) => [`table ${schema}${table}`, '']),
    ...columns
      .filter(({ table }) => table === 'people')
      .map(({ column, type }) => [`column ${schema}people.${column}`, type]),
    ...indexes.filter(({ of }) => of === 'people').map(({ name }) => [`index ${name}`, '']),
    [`rows of ${schema}people`, people],
  ]) as Record<string, string>;
}
