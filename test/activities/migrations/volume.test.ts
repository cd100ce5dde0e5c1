import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { alembicRows } from '../../../src/activities/migrations/applied.js';
import { baseImage, describeWithDocker, docker, removeAll, uniqueName } from '../../stack/docker.js';
import { definitionOf, stepContext } from '../step-context.js';

const name = uniqueName();
const root = mkdtempSync(join(tmpdir(), `${name}-`));

describeWithDocker('revisions in a file of a volume', () => {
  afterAll(() => {
    removeAll(name);
    rmSync(root, { recursive: true });
  });

  it('are read while its container runs, and are none where there is no file yet', async () => {
    const definition = definitionOf(root, {
      databases: { main: { sqlite: { file: 'app.db', volume: name, in: name } } },
      migrations: { alembic: { in: name, at: 'start' } },
      runtime: {
        container: {
          name,
          start: ['true'],
          stop: ['true'],
          ports: [],
          observeMs: 0,
          timeoutMs: 5_000,
        },
        open: 'at_start',
      },
    });
    docker('run', '--detach', '--name', name, '--volume', `${name}:/data`, baseImage, 'sleep', 'infinity');
    const step = stepContext({ definition, folder: join(root, 'run'), home: root });
    expect(await alembicRows(step)).toEqual([]);
    const sql = "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('one');";
    docker('exec', name, 'sqlite3', '/data/app.db', sql);
    expect(await alembicRows(step)).toEqual(['one']);
  });
});
