import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrationTool } from '../../../src/activities/migrations/lookup.js';
import { whyNoRehearsal } from '../../../src/activities/migrations/rehearsable.js';
import { writeImages } from '../../../src/activities/source/images/record.js';
import type { Migrations, Release } from '../../../src/model.js';
import { baseImage, describeWithDocker, docker, removeAll, uniqueName } from '../../stack/docker.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';
import { containersOf } from './inside-project.js';

const name = uniqueName();
const root = mkdtempSync(join(tmpdir(), `${name}-`));
const live = join(root, 'live');

/** A tool whose migrations are one a release; it finds its database at `place`. */
const script = (place: string, names: string[]) => `import sqlite3, sys
database = sqlite3.connect("${place}")
database.execute("CREATE TABLE IF NOT EXISTS applied (name text)")
done = [name for (name,) in database.execute("SELECT name FROM applied ORDER BY rowid")]
if sys.argv[1] == "applied": print("\\n".join(done))
for name in ${JSON.stringify(names)}:
    if sys.argv[1] == "upgrade" and name not in done: database.execute("INSERT INTO applied VALUES (?)", [name]); database.commit()
`;
const run = (what: string) => ['python3', 'migrate.py', what];
const command = { in: 'app', applied: run('applied'), heads: run('heads'), upgrade: run('upgrade') };

function release(version: string, text: string): Release {
  const build = join(root, version);
  mkdirSync(build);
  writeFileSync(join(build, 'migrate.py'), text);
  // Who it runs as owns the volume, too, and is nobody on this host.
  const lines = ['mkdir /data /else', 'chown nobody /data /else'].map((line) => `RUN ${line}\n`).join('');
  writeFileSync(
    join(build, 'Dockerfile'),
    `FROM ${baseImage}\n${lines}WORKDIR /srv\nCOPY migrate.py .\nUSER nobody\nCMD ["sleep", "infinity"]\n`,
  );
  const tag = `${name}/app:${version}`;
  docker('build', '--quiet', '--tag', tag, build);
  const id = docker('image', 'inspect', '--format', '{{.Id}}', tag);
  return { version, sha: version, images: { app: { id, tag } } };
}

async function step(version: Release, previous: Release, more: Partial<Migrations['command']> = {}): Promise<TestStep> {
  const definition = definitionOf(live, {
    databases: { main: { sqlite: { file: 'app.db', volume: 'data', in: 'app' } } },
    migrations: { command: { ...command, ...more } },
    source: { images: { app: { name: `${name}/app` } } },
    runtime: { compose: { project: name, services: ['app'], observeMs: 0, timeoutMs: 60_000 }, open: 'at_start' },
  });
  const at = { step: 'rehearse' as const };
  const context = stepContext({ definition, folder: join(root, 'run'), home: root, at, previous });
  await writeImages(context, version, version.images!);
  return { ...context, run: { ...context.run, version } };
}

describeWithDocker('a rehearsal inside a service on a copy of the file that its volume holds', () => {
  const [one, two] = ['one', 'two'];
  let [first, second, elsewhere]: Release[] = [];
  beforeAll(() => {
    first = release('1', script('/data/app.db', [one]));
    second = release('2', script('/data/app.db', [one, two]));
    elsewhere = release('3', script('/else/app.db', [one, two]));
    mkdirSync(live);
    const compose = `services: { app: { image: "${name}/app:1", volumes: ["data:/data"], stop_grace_period: 0s } }\nvolumes: { data: }\n`;
    writeFileSync(join(live, 'compose.yaml'), compose);
    docker('compose', '--project-directory', live, '--project-name', name, 'up', '--detach');
    docker('exec', containersOf(name)[0]!, 'python3', 'migrate.py', 'upgrade');
  }, 600_000);
  afterAll(() => {
    removeAll(name);
    rmSync(root, { recursive: true });
  });
  const hash = () => docker('exec', containersOf(name)[0]!, 'sha256sum', '/data/app.db');
  const copy = () => {
    const path = join(mkdtempSync(join(root, 'scratch-')), 'app.db');
    docker('cp', `${containersOf(name)[0]}:/data/app.db`, path);
    return path;
  };

  it('is done by the new image, as whoever that runs as, and the live file stays as it is', async () => {
    const context = await step(second!, first!);
    const tool = migrationTool(context.definition)!;
    const [before, running, file] = [hash(), containersOf(name), copy()];
    expect(await whyNoRehearsal(context)).toBeUndefined();
    expect((await tool.upgrade(context, context.staged(second!), [one, two], file)).note).toContain('two applied');
    expect([await tool.applied(context, file), context.changes]).toEqual([[one, two], []]);
    expect([hash(), containersOf(name), readdirSync(dirname(file))]).toEqual([before, running, ['app.db']]);
  });

  it('is refused where the tool goes to another file, and not offered where the copy would hide its code or nobody knows its place', async () => {
    const context = await step(elsewhere!, first!);
    const file = copy();
    const upgrade = migrationTool(context.definition)!.upgrade(context, context.staged(elsewhere!), [one, two], file);
    await expect(upgrade).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining('does not take its database from /data inside app') as string,
    });
    expect(await whyNoRehearsal(await step(second!, first!, { workdir: '/data/code' }))).toBe(
      'app has app.db among its code in /data, which a copy laid over it would hide',
    );
    expect(await whyNoRehearsal(await step(second!, first!, { in: 'other' }))).toBe(
      'no container of other shows where it has the folder of app.db',
    );
  });
});
