import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { noteStopped } from '../../src/activities/records.js';
import { migrate, standby, start } from '../../src/activities/release-steps.js';
import { appliedRevisions } from '../../src/activities/revisions.js';
import type { Step } from '../../src/activities/step.js';
import type { Migrations, Plan, Release } from '../../src/model.js';
import { describeWithDocker, docker } from '../stack/docker.js';
import { environment, revision } from './migrations/alembic-project.js';
import { makeInsideProject, type InsideProject } from './migrations/inside-project.js';

const runs = ['python3', '-m', 'alembic'];
const migrations: Migrations = { alembic: { in: 'app', at: 'start', runs, guard: { ALLOW: '$GUARD' } } };
/** A tool of nobody else: its revisions are the lines of a file, and rows of a table. */
const tool = `import os, sys, psycopg2
wanted = open('revisions').read().split()
with psycopg2.connect(os.environ['DATABASE_URL']) as database, database.cursor() as rows:
    rows.execute('CREATE TABLE IF NOT EXISTS done (name text)')
    rows.execute('SELECT name FROM done ORDER BY name')
    done = [name for (name,) in rows]
    if sys.argv[1] == 'upgrade':
        for name in wanted[len(done):]: rows.execute('INSERT INTO done VALUES (%s)', [name])
    else: print(*{'applied': done, 'heads': wanted}[sys.argv[1]], sep='\\n')
`;
const runTool = (what: string) => ['python3', 'tool.py', what];
const ownTool: Migrations = {
  command: {
    in: 'app',
    at: 'start',
    guard: { ALLOW: '$GUARD' },
    applied: runTool('applied'),
    heads: runTool('heads'),
    upgrade: runTool('upgrade'),
  },
};
/** An entrypoint as people write it: it wants the guard at every start, and takes its time. */
const entrypoint =
  '[ "$ALLOW" = true ] || exit 9\nsleep 2\npython3 -m alembic upgrade head || exit 1\nexec sleep infinity\n';

describeWithDocker('an application that migrates itself when it starts', () => {
  let project: InsideProject;
  const releases: Release[] = [];
  beforeAll(async () => {
    project = await makeInsideProject('/tmp');
    const bad = `with op.get_context().autocommit_block():
        op.execute("CREATE TABLE half (id int)")
    op.execute("SELECT 1 FROM nowhere")`;
    const revisions = { one: revision('one'), two: revision('two', ['one']), three: revision('three', ['two'], bad) };
    const make = (version: string, names: (keyof typeof revisions)[], script: string) =>
      releases.push(
        project.release(version, {
          'alembic.ini': '[alembic]\nscript_location = %(here)s/db\n',
          'db/env.py': environment,
          'start.sh': script,
          ...Object.fromEntries(names.map((name) => [`db/versions/${name}.py`, revisions[name]])),
        }),
      );
    make('1.0.0', ['one'], entrypoint);
    make('2.0.0', ['one', 'two'], entrypoint);
    make('3.0.0', ['one', 'two', 'three'], entrypoint);
    make('4.0.0', ['one', 'two', 'three'], 'echo it forgot to migrate\nexec sleep infinity\n');
    const script = entrypoint.replace('-m alembic upgrade head', 'tool.py upgrade');
    releases.push(project.release('5.0.0', { 'start.sh': script, 'tool.py': tool, revisions: 'first\nsecond\n' }));
  }, 300_000);
  afterAll(() => project?.remove());

  const at = async (index: number, step: Partial<Step['at']>, timeoutMs?: number, by = migrations): Promise<Step> => {
    const context = await project.step(by, releases[index]!, releases[index - 1] ?? null, step, timeoutMs);
    const plan = { pending: { main: ['any'] } } as unknown as Plan;
    return {
      ...context,
      pinned: { definition: context.definition, plan, before: {}, live: null, people: {}, targets: {} },
    };
  };

  it('is not migrated beside it; the start waits for its migration, with the guard, and tells what it left undone', async () => {
    const first = await at(0, { step: 'start' });
    expect((await migrate(first)).note).toBe('1.0.0 migrates itself when it starts');
    expect(existsSync(join(first.folder, 'counters.json'))).toBe(true);
    expect((await start(first, releases[0]!)).note).toMatch(/; main: one applied by itself within/);
    const second = await at(1, { step: 'start', try: 2 });
    expect((await start(second, releases[1]!)).note).toMatch(/; main: two applied by itself within/);
    expect(await appliedRevisions(second)).toEqual({ main: ['one', 'two'] });
    // What needs the guard at every start has it, also when the engine starts it again; no file of ours does.
    expect(docker('inspect', '--format', '{{.Config.Env}}', `${project.name}-app-1`)).toContain('ALLOW=true');

    // A command of its own container is not permitted to migrate, though the compose file passes the guard on; the tool's own commands are.
    const asked = { in: 'app', of: releases[0]!, argv: ['sh', '-c', 'echo "ALLOW is $ALLOW"'] };
    expect((await second.read(asked)).stdout).toBe('ALLOW is \n');
    expect((await second.read({ ...asked, env: { ALLOW: 'true' } })).stdout).toBe('ALLOW is true\n');

    const older = await at(1, { step: 'stop', undo: true });
    await noteStopped(older.folder);
    await expect(start(older, releases[0]!)).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining('does not know main: two') as string,
    });
  }, 600_000);

  it('has its guard, and is waited for, with any other tool too', async () => {
    const own = await at(4, { step: 'start', try: 6 }, 60_000, ownTool);
    expect((await migrate(own)).note).toBe('5.0.0 migrates itself when it starts');
    expect((await start(own, releases[4]!)).note).toMatch(/; main: first, second applied by itself within/);
    expect(await appliedRevisions(own)).toEqual({ main: ['first', 'second'] });
    expect(docker('inspect', '--format', '{{.Config.Env}}', `${project.name}-app-1`)).toContain('ALLOW=true');
  }, 600_000);

  it('that never migrates fails after its time, with its last lines', async () => {
    const never = await at(3, { step: 'start', try: 4 }, 10_000);
    await expect(start(never, releases[3]!)).rejects.toMatchObject({
      type: 'MigrationFailed',
      message: expect.stringMatching(
        /has not applied main: .*three 10 s after its start; its last lines: it forgot to migrate/,
      ) as string,
    });
  }, 600_000);

  it('that failed half-way is not started again by a person’s retry: its migration would stumble over what it left', async () => {
    project.stop();
    await standby(await at(2, { step: 'standby' }));
    const bad = await at(2, { step: 'start', try: 3 });
    await expect(start(bad, releases[2]!)).rejects.toMatchObject({
      type: 'MigrationFailed',
      message: expect.stringMatching(
        /3.0.0, which migrates itself, (ended before it had|has not) applied main: three.*FROM nowhere/s,
      ) as string,
    });
    project.stop();
    const began = () => docker('inspect', '--format', '{{.Id}} {{.State.StartedAt}}', `${project.name}-app-1`);
    const before = began();
    const refused = await start(await at(2, { step: 'start', try: 5 }), releases[2]!).catch(
      (error: Error) => error.message,
    );
    expect(refused).toMatch(
      /^nothing was started: the database is between two and three \(not applied: three\); since \S+: new table public\.half; no retry goes on from there: put the data back$/,
    );
    expect(began()).toBe(before);
  }, 600_000);
});
