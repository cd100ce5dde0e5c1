import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Release } from '../../../src/model.js';
import { commit, git } from '../source/repository.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';
import { makeAlembicProject, revision } from './alembic-project.js';
import { makeDjangoProject, migration as djangoMigration, table as djangoTable } from './django-project.js';
import { makeProject, migration as sequelizeMigration, table as sequelizeTable } from './sequelize-project.js';

/** One real tool on one real database, as the contract's test knows it. */
export interface Tool {
  directory: string;
  /** Revisions that a release of so many migrations brings, oldest first; the one named `bad` fails. */
  names: string[];
  bad: string;
  release(version: string, names: string[]): Release;
  step(version: Release, at: Partial<TestStep['at']>, previous?: Release): TestStep;
  /** An empty database of the same kind, for a rehearsal. */
  another(): Promise<string>;
  remove(): Promise<void>;
}

export const tools: Record<string, (modules: string) => Promise<Tool>> = {
  'alembic on SQLite': async () => {
    const project = await makeAlembicProject('SQLite');
    const bad = `op.execute("SELECT 1 FROM nowhere")`;
    const texts = { one: revision('one'), two: revision('two', ['one']), three: revision('three', ['two'], bad) };
    return {
      directory: project.directory,
      names: ['one', 'two'],
      bad: 'three',
      release: (version, names) => project.release(version, pick(texts, names)),
      step: (version, at, previous) => project.step(version, { at, ...(previous ? { previous } : {}) }),
      another: async () => join(project.directory, '..', 'copy.sqlite3'),
      remove: () => project.remove(),
    };
  },
  'Django on SQLite': async () => {
    const project = await makeDjangoProject('SQLite');
    const texts = {
      'shop.0001_one': djangoMigration([], djangoTable('one')),
      'shop.0002_two': djangoMigration(['shop.0001_one'], djangoTable('two')),
      'shop.0003_three': djangoMigration(['shop.0002_two'], `        migrations.RunSQL("SELECT 1 FROM nowhere"),`),
    };
    return {
      directory: project.directory,
      names: ['shop.0001_one', 'shop.0002_two'],
      bad: 'shop.0003_three',
      release: (version, names) =>
        project.release(
          version,
          Object.fromEntries(Object.entries(pick(texts, names)).map(([name, text]) => [name.replace('.', '/'), text])),
        ),
      step: (version, at, previous) => project.step(version, { at, ...(previous ? { previous } : {}) }),
      another: () => project.another(),
      remove: () => project.remove(),
    };
  },
  'sequelize-cli on PostgreSQL': (modules) => makeSequelize(modules, 'PostgreSQL'),
  'sequelize-cli on SQLite': (modules) => makeSequelize(modules, 'SQLite'),
  'commands on SQLite': makeCommands,
};

async function makeSequelize(modules: string, on: 'PostgreSQL' | 'SQLite'): Promise<Tool> {
  const project = await makeProject(modules, on);
  const other = await makeProject(modules, on);
  const bad = `await q.sequelize.query('SELECT 1 FROM nowhere');`;
  const texts = {
    '1-one.js': sequelizeTable('one'),
    '2-two.js': sequelizeTable('two'),
    '3-three.js': sequelizeMigration(bad),
  };
  return {
    directory: project.directory,
    names: ['1-one.js', '2-two.js'],
    bad: '3-three.js',
    release: (version, names) => project.release(version, pick(texts, names)),
    step: (_version, at) => project.step({ at }),
    another: async () => other.url,
    remove: async () => {
      await other.remove();
      await project.remove();
    },
  };
}

/** A tool as somebody might have written it: migrations are SQL files, what is applied stands in a table. */
const script = `import os, pathlib, sqlite3, sys
what, *names = sys.argv[1:]
files = sorted(path.stem for path in pathlib.Path("changes").glob("*.sql"))
if what == "heads": print("\\n".join(files)); sys.exit()
database = sqlite3.connect(os.environ["DATABASE"])
database.execute("CREATE TABLE IF NOT EXISTS applied (name text)")
done = [name for (name,) in database.execute("SELECT name FROM applied ORDER BY rowid")]
if what == "applied": print("\\n".join(done))
for name in files if what == "upgrade" else []:
    if name in done: continue
    database.executescript(pathlib.Path("changes", name + ".sql").read_text())
    database.execute("INSERT INTO applied VALUES (?)", [name]); database.commit()
for name in names if what == "downgrade" else []:
    database.execute("DROP TABLE " + name); database.execute("DELETE FROM applied WHERE name = ?", [name]); database.commit()
`;

async function makeCommands(): Promise<Tool> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-commands-'));
  const directory = join(root, 'live');
  const file = join(root, 'app.sqlite3');
  mkdirSync(directory);
  git(directory, 'init', '--quiet', '--initial-branch=main');
  writeFileSync(join(root, 'env'), `DATABASE=${file}\n`);
  const run = (what: string) => ['python3', 'migrate.py', what];
  const definition = definitionOf(directory, {
    databases: { main: { sqlite: { file, variable: 'DATABASE' } } },
    migrations: {
      command: { applied: run('applied'), heads: run('heads'), upgrade: run('upgrade'), downgrade: run('downgrade') },
    },
  });
  return {
    directory,
    names: ['one', 'two'],
    bad: 'zero_less',
    release(version, names) {
      rmSync(join(directory, 'changes'), { recursive: true, force: true });
      const sql = (name: string) => (name === 'zero_less' ? 'SELECT 1 FROM nowhere;' : `CREATE TABLE ${name} (id);`);
      const files = Object.fromEntries(names.map((name) => [`changes/${name}.sql`, sql(name)]));
      return { version, sha: commit(directory, { 'migrate.py': script, VERSION: version, ...files }) };
    },
    step(version, at, previous) {
      const step = stepContext({
        definition,
        folder: join(root, 'run'),
        home: root,
        env: join(root, 'env'),
        at,
        previous,
      });
      // Its revisions are told by the code itself, which `fetch` has put there by then.
      if (at.step === 'rehearse') cpSync(directory, step.staged(version), { recursive: true });
      return { ...step, run: { ...step.run, version } };
    },
    another: async () => join(root, 'copy.sqlite3'),
    remove: async () => rmSync(root, { recursive: true }),
  };
}

function pick(texts: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, texts[name] ?? '']));
}
