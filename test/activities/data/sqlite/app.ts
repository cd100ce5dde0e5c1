import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StepContext } from '../../../../src/activities/context.js';
import type { Store } from '../../../../src/activities/data/contract.js';
import { sqliteStore } from '../../../../src/activities/data/sqlite/store.js';
import type { Definition } from '../../../../src/model.js';
import { definitionOf, stepContext } from '../../step-context.js';

/** An application's SQLite file, in WAL mode, with much of what SQLite can hold. */
export interface App {
  directory: string;
  file: string;
  store: Store;
  /** A step of some run: each run makes copies of its own. */
  step(run?: string): StepContext;
  context: StepContext;
  /** Folder for a backup. */
  folder: string;
  /** Runs statements and closes the file. */
  sql(script: string): void;
  /** All that makes two files equal, by SQLite's own dump. */
  dump(file?: string): string;
  /** A process that inserts and commits as fast as it can, until it is killed. */
  writer(): Promise<ChildProcess>;
  /** As an application that died: rows stand in the log alone. */
  crash(script: string): void;
  close(): void;
}

export async function makeApp(parts: Partial<Definition> & { at?: string; env?: string } = {}): Promise<App> {
  const home = mkdtempSync(join(parts.at ?? tmpdir(), 'slipway-sqlite-'));
  const directory = join(home, 'live');
  const file = join(directory, 'data', 'app 1#.db');
  const folder = join(home, 'backups', 'one');
  await mkdir(join(directory, 'data'), { recursive: true });
  await mkdir(folder, { recursive: true });
  const sqlite = { file: 'data/app 1#.db' };
  const { at: _, env, ...rest } = parts;
  const definition = definitionOf(directory, { databases: { main: { sqlite } }, ...rest });
  const step = (run = '20260105T120000Z-abc123') => {
    const context = stepContext({ definition, folder: join(home, 'runs', run), home, ...(env ? { env } : {}) });
    return { ...context, run: { ...context.run, id: run } };
  };
  const sql = (script: string) => void python(`c.executescript(sys.argv[2])`, file, script);
  writeFileSync(file, (template ??= makeTemplate()));
  return {
    directory,
    file,
    folder,
    sql,
    step,
    store: sqliteStore('main', sqlite),
    context: step(),
    dump: (path = file) => python(dump, path),
    writer: async () => {
      const child = spawn('python3', [
        '-c',
        `${open}
while True:
  c.execute("INSERT INTO jobs (name) VALUES ('written meanwhile')")
  print(c.execute('SELECT count(*) FROM jobs').fetchone()[0], flush=True)`,
        file,
      ]);
      await new Promise((first) => child.stdout.once('data', first));
      child.stdout.resume();
      return child;
    },
    crash: (script) =>
      void python(
        `c.execute('PRAGMA wal_autocheckpoint = 0'); c.executescript(sys.argv[2]); import os; os._exit(0)`,
        file,
        script,
      ),
    close: () => rmSync(home, { recursive: true }),
  };
}

let template: Buffer | undefined;

/** The same for every application of a test file: made once. */
function makeTemplate(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'));
  python(`c.executescript(sys.argv[2])`, join(folder, 'app.db'), schema);
  const content = readFileSync(join(folder, 'app.db'));
  rmSync(folder, { recursive: true });
  return content;
}

const open = `import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)`;

const dump = `c.text_factory = lambda text: text.decode('utf-8', 'surrogateescape')
lines = [str(c.execute('PRAGMA user_version').fetchone()), *c.iterdump()]
sys.stdout.buffer.write('\\n'.join(lines).encode('utf-8', 'surrogateescape'))`;

function python(script: string, ...args: string[]): string {
  return execFileSync('python3', ['-c', `${open}\n${script}`, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
}

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA user_version = 7;
  PRAGMA application_id = 42;
  CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, tag TEXT REFERENCES tags (name));
  CREATE TABLE tags (name TEXT PRIMARY KEY, sound BLOB, "odd ""name""" REAL) WITHOUT ROWID;
  CREATE TABLE bad_text (t);
  CREATE VIEW tagged AS SELECT * FROM jobs WHERE tag IS NOT NULL;
  CREATE INDEX jobs_by_tag ON jobs (tag) WHERE tag IS NOT NULL;
  CREATE TRIGGER no_empty BEFORE INSERT ON jobs WHEN new.name = '' BEGIN SELECT raise(ABORT, 'empty'); END;
  CREATE VIRTUAL TABLE found USING fts5 (words);
  INSERT INTO tags VALUES ('Zoë', x'00ff', 1e-300), ('', NULL, 9.5);
  INSERT INTO bad_text VALUES (CAST(x'ff61' AS TEXT)), (9223372036854775807), (x'61');
  INSERT INTO found VALUES ('the quick brown fox'), ('jumps');
  INSERT INTO jobs (name, tag) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT 'job ' || i, 'no such tag' FROM n;
  DELETE FROM jobs WHERE id > 2990;
`;
