import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Definition, Migrations, Release } from '../../../src/model.js';
import { freshDatabase, type TestDatabase } from '../../stack/database.js';
import { pythonPackages } from '../../stack/python.js';
import { commit, git } from '../source/repository.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';

/** A checkout with real alembic, its revisions in Git, and a database of its own. */
export interface AlembicProject {
  directory: string;
  database: TestDatabase;
  release(version: string, revisions: Record<string, string>): Release;
  step(version: Release, options?: StepOptions): TestStep;
  remove(): Promise<void>;
}
interface StepOptions {
  at?: Parameters<typeof stepContext>[0]['at'];
  alembic?: Migrations['alembic'];
  previous?: Release;
}

export const environment = `import os
from alembic import context
from sqlalchemy import create_engine
print("INFO  [app] loading settings")
with create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:").replace("postgres:", "postgresql+psycopg2:")).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
`;

export async function makeAlembicProject(
  on: 'PostgreSQL' | 'SQLite' = 'PostgreSQL',
  superuser?: string,
): Promise<AlembicProject> {
  const packages = await pythonPackages();
  const root = mkdtempSync(join(tmpdir(), 'slipway-alembic-'));
  const directory = join(root, 'live');
  const database = await freshDatabase(superuser);
  const file = join(root, 'app.sqlite3');
  mkdirSync(directory);
  git(directory, 'init', '--quiet', '--initial-branch=main');
  const env = join(root, 'env');
  writeFileSync(
    env,
    `DATABASE_URL=${on === 'SQLite' ? `sqlite:///${file}` : database.ownerUrl}\nPYTHONPATH=${packages}\nPYTHONDONTWRITEBYTECODE=1\n`,
  );
  return {
    directory,
    database,
    release(version, revisions) {
      rmSync(join(directory, 'db/versions'), { recursive: true, force: true });
      const files = Object.entries(revisions).map(([name, text]) => [`db/versions/${name}.py`, text]);
      const fixed = { 'alembic.ini': '[alembic]\nscript_location = %(here)s/db\n', 'db/env.py': environment };
      const sha = commit(directory, { ...fixed, VERSION: version, ...(Object.fromEntries(files) as typeof fixed) });
      return { version, sha };
    },
    step(version, { at, alembic = {}, previous } = {}) {
      const url = '$DATABASE_URL';
      const databases: Definition['databases'] = {
        main:
          on === 'SQLite'
            ? { sqlite: { file, variable: 'DATABASE_URL' } }
            : { postgres: { url, backup_url: url, admin_url: url } },
      };
      const runs = ['python3', '-m', 'alembic'];
      const definition = definitionOf(directory, { databases, migrations: { alembic: { runs, ...alembic } } });
      const folder = join(root, 'run');
      const step = stepContext({ definition, folder, home: root, env, at: { step: 'migrate', ...at }, previous });
      return { ...step, run: { ...step.run, version } };
    },
    async remove() {
      await database.drop();
      rmSync(root, { recursive: true });
    },
  };
}

/** A revision as alembic writes it, upon those; it makes a table of its own name unless told otherwise. */
export function revision(
  name: string,
  upon: string[] = [],
  up = `op.execute("CREATE TABLE ${name} (id int)")`,
): string {
  const down =
    upon.length === 0 ? 'None' : upon.length === 1 ? `'${upon[0]}'` : `(\n    '${upon.join("',\n    '")}',\n)`;
  return `"""${name}"""
from typing import Union
from alembic import op

revision: str = '${name}'
down_revision: Union[str, None] = ${down}

def upgrade():
    ${up}

def downgrade():
    op.execute("DROP TABLE IF EXISTS ${name}")
`;
}
