import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Definition, Migrations, Release } from '../../../src/model.js';
import { freshDatabase, type TestDatabase } from '../../stack/database.js';
import { pythonPackages } from '../../stack/python.js';
import { commit, git } from '../source/repository.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';

/** A checkout with real Django, its apps in Git, and a database of its own. */
export interface DjangoProject {
  directory: string;
  /** URL of the live database, or the path of its file. */
  url: string;
  /** The live one, on PostgreSQL. */
  database: TestDatabase | undefined;
  /** Another database like it, empty: for a rehearsal. */
  another(): Promise<string>;
  /** Migrations by `app/name`. */
  release(version: string, migrations: Record<string, string>, settings?: string): Release;
  step(version: Release, options?: StepOptions): TestStep;
  remove(): Promise<void>;
}
interface StepOptions {
  at?: Parameters<typeof stepContext>[0]['at'];
  django?: Migrations['django'];
  previous?: Release;
}

export const manage = `import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
`;

/** Third parties' migrations come with it, too: those of contenttypes. */
export const settings = `import os
from urllib.parse import urlsplit
SECRET_KEY = "tests-only"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "shop", "blog"]
url = os.environ["DATABASE_URL"]
at = urlsplit(url)
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": url} if url.startswith("/") else {
    "ENGINE": "django.db.backends.postgresql", "NAME": at.path[1:], "USER": at.username, "PASSWORD": at.password,
    "HOST": at.hostname, "PORT": at.port}}
`;

export async function makeDjangoProject(on: 'PostgreSQL' | 'SQLite', superuser?: string): Promise<DjangoProject> {
  const packages = await pythonPackages();
  const root = mkdtempSync(join(tmpdir(), 'slipway-django-'));
  const directory = join(root, 'live');
  const made: TestDatabase[] = [];
  const another = async () => {
    if (on === 'SQLite') return join(root, `${made.push({} as TestDatabase)}.sqlite3`);
    const database = await freshDatabase(superuser);
    made.push(database);
    return database.ownerUrl;
  };
  const url = await another();
  mkdirSync(directory);
  git(directory, 'init', '--quiet', '--initial-branch=main');
  const env = join(root, 'env');
  writeFileSync(env, `DATABASE_URL=${url}\nPYTHONPATH=${packages}\nPYTHONDONTWRITEBYTECODE=1\n`);
  const reference = '$DATABASE_URL';
  const databases: Definition['databases'] = {
    main:
      on === 'SQLite'
        ? { sqlite: { file: url, variable: 'DATABASE_URL' } }
        : { postgres: { url: reference, backup_url: reference, admin_url: reference } },
  };
  return {
    directory,
    url,
    database: on === 'PostgreSQL' ? made[0] : undefined,
    another,
    release(version, migrations, text = settings) {
      const apps = ['shop', 'blog'];
      for (const app of apps) rmSync(join(directory, app), { recursive: true, force: true });
      const fixed = Object.fromEntries(
        apps.flatMap((app) => [`${app}/__init__.py`, `${app}/migrations/__init__.py`].map((path) => [path, ''])),
      );
      const files = Object.fromEntries(
        Object.entries(migrations).map(([name, body]) => [name.replace('/', '/migrations/') + '.py', body]),
      );
      const sha = commit(directory, { 'manage.py': manage, 'settings.py': text, VERSION: version, ...fixed, ...files });
      return { version, sha };
    },
    step(version, { at, django = {}, previous } = {}) {
      const definition = definitionOf(directory, { databases, migrations: { django } });
      const folder = join(root, 'run');
      const step = stepContext({ definition, folder, home: root, env, at: { step: 'migrate', ...at }, previous });
      return { ...step, run: { ...step.run, version } };
    },
    async remove() {
      for (const database of made) await database.drop?.();
      if (existsSync(root)) rmSync(root, { recursive: true });
    },
  };
}

/** As Django writes one: it stands upon those of its app, and makes a table unless told otherwise. */
export function migration(upon: string[], body = '', more = ''): string {
  const pairs = upon.map((one) => `        ("${one.replace('.', '", "')}"),\n`).join('');
  return `from django.db import migrations

class Migration(migrations.Migration):
${more}
    dependencies = [
${pairs}    ]

    operations = [
${body}
    ]
`;
}

export function table(name: string): string {
  return `        migrations.RunSQL("CREATE TABLE ${name} (id integer)", "DROP TABLE ${name}"),`;
}
