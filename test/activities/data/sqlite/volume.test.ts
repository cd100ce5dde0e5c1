import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sqliteStore } from '../../../../src/activities/data/sqlite/store.js';
import type { Runtime } from '../../../../src/model.js';
import { baseImage, describeWithDocker, docker, removeAll, uniqueName } from '../../../stack/docker.js';
import { definitionOf, stepContext } from '../../step-context.js';

const canEnter = process.getuid?.() === 0;

describeWithDocker('a SQLite file in a volume', { timeout: 600_000 }, () => {
  const project = uniqueName();
  const folder = mkdtempSync(join(tmpdir(), `${project}-`));
  const compose = (...argv: string[]) =>
    docker('compose', '--project-directory', folder, '--project-name', project, ...argv);
  const ids = () =>
    docker(
      'compose',
      '--project-directory',
      folder,
      '--project-name',
      project,
      'exec',
      '-T',
      'app',
      'python3',
      '-c',
      count,
    );
  const at = (runtime: Runtime, run = 'one') =>
    stepContext({
      definition: definitionOf(folder, { runtime }),
      folder: join(folder, 'runs', run),
      home: folder,
      previous: { version: '1', sha: '1'.repeat(40) },
    });
  const inCompose = at({ compose: { project, observeMs: 300, timeoutMs: 60_000 }, open: 'at_start' });
  const store = sqliteStore('main', { file: 'app.db', volume: 'data', in: 'app' });

  beforeAll(() => {
    mkdirSync(join(folder, 'backup'));
    writeFileSync(join(folder, 'compose.yaml'), composeFile);
    compose('up', '--detach', '--wait');
  }, 600_000);
  afterAll(() => {
    removeAll(project);
    rmSync(folder, { recursive: true, force: true });
  });

  it.skipIf(!canEnter)(
    'is found by the label that compose gives its volume, backed up while it is written, and put back for its user',
    async () => {
      expect((await store.live(inCompose)).name).toContain(`${project}_data/_data/app.db`);
      const backup = await store.backup(inCompose, join(folder, 'backup'));
      expect(backup.contents.tables.rows?.rows).toBeGreaterThan(0);
      await store.prove(inCompose, join(folder, 'backup'), backup);
      await expect(store.standby(inCompose)).rejects.toThrow(/python3.* has .*app\.db.* open/);
      compose('stop', '--timeout', '1', 'app');
      const standby = await store.standby(inCompose);
      const { uid, gid, mode } = await stat(standby.live.name);
      expect(uid).toBe(4321);
      const then = (await store.counters(inCompose))!.rows!;
      compose('start', 'app');
      await expect.poll(() => Number(ids()), { timeout: 30_000 }).toBeGreaterThan(then);
      compose('stop', '--timeout', '1', 'app');
      await store.swapIn(inCompose, standby);
      expect((await store.counters(inCompose))!.rows).toBe(then);
      expect(await stat(standby.live.name)).toMatchObject({ uid, gid, mode });
      compose('start', 'app');
      await expect.poll(() => Number(ids()), { timeout: 30_000 }).toBeGreaterThan(then);
    },
  );

  it('is refused where the service has another volume, where there is none, and where it lies elsewhere', async () => {
    const of = (sqlite: object) => sqliteStore('main', { file: 'app.db', ...sqlite }).live(inCompose);
    await expect(of({ volume: 'data', in: 'other' })).rejects.toThrow(
      /service other does not have volume data .*_data\), but none/,
    );
    await expect(of({ volume: 'nothing' })).rejects.toThrow(/volume nothing: there is none/);
    docker('volume', 'create', '--opt', 'type=tmpfs', '--opt', 'device=tmpfs', `${project}-memory`);
    const script = at({
      container: { name: project, start: [], stop: [], ports: [], observeMs: 1, timeoutMs: 1 },
      open: 'at_start',
    });
    await expect(sqliteStore('main', { file: 'app.db', volume: `${project}-memory` }).live(script)).rejects.toThrow(
      /does not lie on this host/,
    );
  });

  it.skipIf(!canEnter)(
    'of a container that scripts run has the very name that was written, and an empty one is no database',
    async () => {
      const script = at({
        container: { name: project, start: [], stop: [], ports: [], observeMs: 1, timeoutMs: 1 },
        open: 'at_start',
      });
      const named = sqliteStore('main', { file: 'app.db', volume: `${project}_data` });
      expect((await named.live(script)).name).toContain(`${project}_data`);
      docker('volume', 'create', `${project}-empty`);
      const empty = sqliteStore('main', { file: 'app.db', volume: `${project}-empty` });
      await expect(empty.backup(script, join(folder, 'backup'))).rejects.toThrow(
        /app\.db is not there: correct `database`/,
      );
      expect((await empty.preflight(script))[0]).toMatchObject({ outcome: 'fail', seen: 'not there' });
    },
  );
});

const connect = `import sqlite3, time; c = sqlite3.connect('/data/app.db', isolation_level=None, timeout=10)`;
const count = `${connect}; print(c.execute('SELECT count(*) FROM rows').fetchone()[0])`;
const write = `${connect}
c.execute('PRAGMA journal_mode = WAL')
c.execute('CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY)')
while True:
  c.execute('INSERT INTO rows DEFAULT VALUES')
  open('/tmp/up', 'w')
  time.sleep(0.01)`;
const composeFile = JSON.stringify({
  services: {
    init: { image: baseImage, volumes: ['data:/data'], command: ['chown', '4321:4322', '/data'] },
    app: {
      image: baseImage,
      user: '4321:4322',
      init: true,
      volumes: ['data:/data'],
      command: ['python3', '-c', write],
      depends_on: { init: { condition: 'service_completed_successfully' } },
      healthcheck: { test: ['CMD', 'test', '-e', '/tmp/up'], interval: '1s' },
    },
    other: { image: baseImage, command: ['sleep', '1000'], init: true },
  },
  volumes: { data: {} },
});
