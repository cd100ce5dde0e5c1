import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { environment, revision } from '../activities/migrations/alembic-project.js';
import { commit, git } from '../activities/source/repository.js';
import { baseImage, describeWithDocker, docker } from '../stack/docker.js';
import { pythonPackages } from '../stack/python.js';
import { withComposeSystem, type ComposeSystem } from './compose-system.js';
import { approveAll, until } from './stand.js';

describeWithDocker('a version that is bad in itself, of a system of compose and alembic', () => {
  it('is named with what is wrong with it, and the version before serves, on its own data', async () => {
    const hold = mkdtempSync(join(tmpdir(), 'slipway-bad-'));
    const file = join(hold, 'app.sqlite3');
    const env = `DATABASE_URL=sqlite:///${file}\nPYTHONPATH=${await pythonPackages()}\nPYTHONDONTWRITEBYTECODE=1\nHOLD=${hold}\n`;
    try {
      await withComposeSystem((system) => use(system, hold), { env, definition: (yaml) => withDatabase(yaml, file) });
    } finally {
      rmSync(hold, { recursive: true, force: true });
    }
  }, 600_000);
});

function withDatabase(yaml: string, file: string): string {
  return yaml
    .replace('observe: 1s', 'observe: 300ms')
    // No check waits to be told.
    .replace('|| sleep 300', '|| true')
    .replace(
      'gates: ',
      `database: { sqlite: { file: ${file}, variable: DATABASE_URL } }\nmigrations: { alembic: { runs: [python3, -m, alembic] } }\ngates: `,
    );
}

async function use(system: ComposeSystem, hold: string): Promise<void> {
  const { name, directory, start, go } = system;
  const origin = join(directory, '..', 'origin');
  const compose = readFileSync(join(origin, 'compose.yaml'), 'utf8');
  const one = revision('one');
  /** A tag whose revisions are just these. */
  const tag = (version: string, revisions: Record<string, string>, files: Record<string, string> = {}) => {
    rmSync(join(origin, 'db'), { recursive: true, force: true });
    const texts = Object.entries(revisions).map(([title, text]) => [`db/versions/${title}.py`, text]);
    commit(origin, {
      VERSION: `${version}\n`,
      'alembic.ini': '[alembic]\nscript_location = %(here)s/db\n',
      'db/env.py': environment,
      'compose.yaml': compose,
      ...(Object.fromEntries(texts) as Record<string, string>),
      ...files,
    });
    git(origin, 'tag', '-a', `v${version}`, '-m', version);
  };
  const seen = async () => [await served(system), image(system), dump(join(hold, 'app.sqlite3'))];

  tag('1.0.1', { one });
  expect(await go('deploy', { version: '1.0.1', by: 'bob' })).toMatchObject({ outcome: 'deployed', reason: '' });
  const before = await seen();
  const refused = async (version: string, outcome: string, reason: RegExp, running = go) => {
    const report = await running('deploy', { version, by: 'bob', change: 'compatible' });
    expect(report).toMatchObject({ outcome, current: '1.0.1', reason: expect.stringMatching(reason) as string });
    expect(report.reason.split('\n')).toHaveLength(1);
    expect(await seen()).toEqual(before);
  };

  tag('1.1.0', { one, b: revision('b', ['one']), c: revision('c', ['one']) });
  await refused('1.1.0', 'no-go', /migration-heads .*exactly one head, seen b, c: merge them with alembic merge/);
  tag('1.1.1', { other: revision('other') });
  await refused('1.1.1', 'no-go', /migration-known .*seen it does not know main: one/);
  tag('1.1.2', { one });
  git(origin, 'rm', '--quiet', 'compose.yaml');
  git(origin, 'commit', '--quiet', '--amend', '--message', 'without it');
  git(origin, 'tag', '-f', '-a', 'v1.1.2', '-m', '1.1.2');
  await refused('1.1.2', 'no-go', /1\.1\.2 has no compose\.yaml/);
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const misspelt = compose.replaceAll('proxy:\n', 'porxy:\n').replace('  porxy:', `    ports: ["127.0.0.1:${port}:8000"]\n  porxy:`);
  tag('1.1.3', { one }, { 'compose.yaml': misspelt });
  const taken = `port ${port}: node \\(pid ${process.pid}\\)`;
  await refused('1.1.3', 'no-go', new RegExp(`services: unknown: \`proxy\`; did you mean \`porxy\`\\?.*ports: ${taken}`));
  other.close();

  const half = `op.execute("CREATE TABLE half (id int)"); op.execute("SELECT 1 FROM nowhere")`;
  tag('1.2.0', { one, two: revision('two', ['one'], half) });
  await refused('1.2.0', 'rolled-back', /alembic upgrade head failed: .*no such table: nowhere.*not applied: two/);

  // Fine when it was looked at, and not any more once the version before is stopped.
  const meanwhile = (act: () => unknown) => async (...asked: Parameters<typeof go>) => {
    rmSync(join(hold, 'go'), { force: true });
    rmSync(join(hold, 'here'), { force: true });
    const ended = approveAll(await start(...asked));
    const over = ended.then(({ reason }) => Promise.reject(new Error(`it ended before: ${reason}`)));
    await Promise.race([over, until(async () => existsSync(join(hold, 'here')), 600_000)]);
    over.catch(() => undefined);
    await act();
    writeFileSync(join(hold, 'go'), '');
    return ended;
  };
  const waits = `import os, time
    op.execute("CREATE TABLE two (id int)")
    open(os.environ["HOLD"] + "/here", "w").close()
    while not os.path.exists(os.environ["HOLD"] + "/go"): time.sleep(0.02)`;
  const slow = { one, two: revision('two', ['one'], waits) };
  const gone = `${name}/cache:1`;
  const id = docker('build', '--quiet', '--tag', gone, '--build-arg', `of=${name}`, writeCache(hold));
  tag('1.3.1', slow, { 'compose.yaml': compose.replace(`image: ${baseImage}`, `image: ${gone}`) });
  await refused('1.3.1', 'rolled-back', new RegExp(`images are gone from this host: proxy: ${gone}`), meanwhile(() => docker('rmi', '--force', id)));
}

/** An image of its own, so that nothing else keeps it. */
function writeCache(folder: string): string {
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${baseImage}\nARG of\nENV OF=$of\n`);
  return folder;
}

async function served({ url }: ComposeSystem): Promise<unknown> {
  const answer = await until(async () => fetch(url, { headers: { connection: 'close' } }).then((got) => got.ok && got), 10_000);
  return answer.json();
}

function image({ name }: ComposeSystem): string {
  return docker('inspect', '--format', '{{.Image}}', `${name}-app-1`);
}

/** Every row and table, in SQLite's own words. */
function dump(file: string): string {
  const script = 'import sqlite3, sys; print("\\n".join(sqlite3.connect(sys.argv[1]).iterdump()))';
  return execFileSync('python3', ['-c', script, file], { encoding: 'utf8' });
}
