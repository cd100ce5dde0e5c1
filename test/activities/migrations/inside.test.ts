import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { MigrationTool } from '../../../src/activities/migrations/contract.js';
import { migrationTool } from '../../../src/activities/migrations/lookup.js';
import type { Migrations, Release } from '../../../src/model.js';
import { freshDatabase } from '../../stack/database.js';
import { describeWithDocker } from '../../stack/docker.js';
import type { TestStep } from '../step-context.js';
import { environment, revision } from './alembic-project.js';
import { containersOf, makeInsideProject, type InsideProject } from './inside-project.js';
import { manage, migration as djangoMigration, settings, table as djangoTable } from './django-project.js';
import { installTool, table } from './sequelize-project.js';

let tool: Awaited<ReturnType<typeof installTool>>;
let project: InsideProject;

/** A tool as somebody might have written it: its migrations are SQL files. */
const script = `import os, pathlib, sys, psycopg2
what, *names = sys.argv[1:]
files = sorted(path.stem for path in pathlib.Path("changes").glob("*.sql"))
if what == "heads": print("\\n".join(files)); sys.exit()
session = psycopg2.connect(os.environ["DATABASE_URL"]); at = session.cursor()
at.execute("CREATE TABLE IF NOT EXISTS applied (name text, at serial); SELECT name FROM applied ORDER BY at")
done = [name for (name,) in at.fetchall()]
if what == "applied": print("\\n".join(done))
for name in [name for name in files if name not in done] if what == "upgrade" else []:
    at.execute(pathlib.Path("changes", name + ".sql").read_text()); at.execute("INSERT INTO applied VALUES (%s)", [name])
for name in names if what == "downgrade" else []:
    at.execute("DROP TABLE " + name); at.execute("DELETE FROM applied WHERE name = %s", [name])
session.commit()
`;
const run = (what: string) => ['python3', 'migrate.py', what];
const commands = { in: 'app', applied: run('applied'), heads: run('heads'), upgrade: run('upgrade'), downgrade: run('downgrade') }; // prettier-ignore

const kinds = [
  {
    kind: 'alembic',
    migrations: { alembic: { in: 'app', runs: ['python3', '-m', 'alembic'] } } as Migrations,
    without: { alembic: { in: 'app', runs: ['.venv/bin/alembic'] } } as Migrations,
    names: ['one', 'two'] as const,
    files: (names: readonly string[]) => ({
      'alembic.ini': '[alembic]\nscript_location = %(here)s/db\n',
      'db/env.py': environment,
      ...Object.fromEntries(
        names.map((name, at) => [`db/versions/${name}.py`, revision(name, at ? [names[at - 1]!] : [])]),
      ),
    }),
  },
  {
    kind: 'sequelize',
    migrations: { sequelize: { in: 'app' } } as Migrations,
    without: { sequelize: { in: 'app', workdir: '/tmp' } } as Migrations,
    names: ['20260101-one.js', '20260102-two.js'] as const,
    files: (names: readonly string[]) => ({
      'config/config.js': `module.exports = { production: { use_env_variable: 'DATABASE_URL', dialect: 'postgres' } };`,
      ...Object.fromEntries(names.map((name) => [`migrations/${name}`, table(name.slice(9, 12))])),
    }),
  },
  {
    kind: 'django',
    migrations: { django: { in: 'app' } } as Migrations,
    without: { django: { in: 'app', runs: ['.venv/bin/python', 'manage.py'] } } as Migrations,
    names: ['shop.0001_one', 'shop.0002_two'] as const,
    files: (names: readonly string[]) => ({
      'manage.py': manage,
      'settings.py': settings.replace('"django.contrib.contenttypes", "shop", "blog"', '"shop"'),
      'shop/__init__.py': '',
      'shop/migrations/__init__.py': '',
      ...Object.fromEntries(
        names.map((name, at) => [
          `${name.replace('.', '/migrations/')}.py`,
          djangoMigration(names.slice(0, at).slice(-1), djangoTable(name.slice(-3))),
        ]),
      ),
    }),
  },
  {
    kind: 'a tool by command',
    beforeFetch: 'none',
    migrations: { command: commands } as Migrations,
    without: { command: { ...commands, applied: ['.venv/bin/migrate'] } } as Migrations,
    names: ['one', 'two'] as const,
    files: (names: readonly string[]) => ({
      'migrate.py': script,
      ...Object.fromEntries(names.map((name) => [`changes/${name}.sql`, `CREATE TABLE ${name} (id int)`])),
    }),
  },
];

describeWithDocker.each(kinds)(
  '$kind inside a service',
  ({ migrations, without, names: [one, two], files, beforeFetch }) => {
    let [first, second]: Release[] = [];
    beforeAll(async () => void (tool ??= await installTool()), 600_000);
    beforeEach(async () => {
      project = await makeInsideProject(tool.modules);
      first = project.release('1.0.0', files([one]));
      second = project.release('2.0.0', files([one, two]));
    }, 300_000);
    afterEach(() => project?.remove());

    const at = async (step: TestStep['at']['step'], undo = false): Promise<[MigrationTool, TestStep]> => {
      const context = await project.step(migrations, second!, first!, { step, undo });
      return [migrationTool(context.definition)!, context];
    };

    it('runs the code of the release in question, whatever runs, and leaves no container', async () => {
      const start = await project.step(migrations, first!, null, { step: 'migrate', try: 9 });
      await migrationTool(start.definition)!.upgrade(start, project.directory, [one]);
      project.up(first!);
      const running = containersOf(project.name);

      const [ahead, preflight] = await at('preflight');
      expect((await ahead.preflight(preflight, project.directory)).map(({ outcome }) => outcome)).not.toContain('fail');
      const missing = await project.step(without, second!, first!, { step: 'preflight' });
      expect((await ahead.preflight(missing, project.directory)).at(-1)).toMatchObject({
        outcome: 'fail',
        expected: expect.stringContaining('service app') as string,
      });

      const copy = await freshDatabase();
      const [rehearsing, rehearse] = await at('rehearse');
      expect(await rehearsing.known(rehearse, second!)).toEqual([one, two]);
      await rehearsing.upgrade(rehearse, rehearse.staged(second!), [one, two], copy.ownerUrl);
      expect([await rehearsing.applied(rehearse, copy.ownerUrl), await rehearsing.applied(rehearse)]).toEqual([
        [one, two],
        [one],
      ]);
      await copy.drop();

      project.stop();
      const [upgrading, migrate] = await at('migrate');
      const { note } = await upgrading.upgrade(migrate, project.directory, [one, two]);
      expect([note, migrate.changes]).toEqual([expect.stringContaining(`${two} applied`), ['migrate']]);
      const [undoing, undo] = await at('migrate', true);
      expect((await undoing.downgradeTo(undo, project.directory, [one])).data).toEqual({ undone: [two] });
      expect(await undoing.applied(undo)).toEqual([one]);
      expect(containersOf(project.name)).toEqual(running);
      rmSync(join(undo.folder, 'images'), { recursive: true });
      expect(await ahead.known(preflight, second!)).toEqual(beforeFetch === 'none' ? undefined : [one, two]);
    }, 600_000);
  },
);
afterAll(() => tool?.remove());
