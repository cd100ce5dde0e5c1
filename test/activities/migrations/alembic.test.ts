import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { alembicRequest } from '../../../src/activities/migrations/alembic-settings.js';
import { migrationTool } from '../../../src/activities/migrations/lookup.js';
import type { Release } from '../../../src/model.js';
import { freshDatabase } from '../../stack/database.js';
import { commit, write } from '../source/repository.js';
import { environment, makeAlembicProject, revision, type AlembicProject } from './alembic-project.js';

let project: AlembicProject;
beforeEach(async () => void (project = await makeAlembicProject()), 300_000);
afterEach(() => project.remove());

type Options = Parameters<AlembicProject['step']>[1];
const set = (names: string[]) => [...names].sort();
const failing = (text: string) => ({ type: 'MigrationFailed', message: expect.stringContaining(text) as string });
function using(release: Release, options?: Options) {
  const step = project.step(release, options);
  const tool = migrationTool(step.definition)!;
  return {
    step,
    known: () => tool.known(step, release),
    applied: (url?: string) => tool.applied(step, url),
    upgrade: async (url?: string) => tool.upgrade(step, project.directory, (await tool.known(step, release))!, url),
    downgrade: (wanted: string[]) => tool.downgradeTo(step, project.directory, wanted),
    preflight: () => tool.preflight(step, project.directory),
  };
}

/** From a merge point to the two rows before it. */
async function takenBack(merged: Release, one: Release): Promise<void> {
  const back = using(merged, { previous: one, at: { undo: true } });
  expect((await back.downgrade(['root', 'b', 'c'])).data).toEqual({ undone: ['m'] });
  expect(await ask('SELECT version_num FROM alembic_version ORDER BY 1')).toEqual([
    { version_num: 'b' },
    { version_num: 'c' },
  ]);
}

async function ask<T extends object>(sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: project.database.ownerUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}
const migrateAs = (step: ReturnType<AlembicProject['step']>, name: string) =>
  step.change(name, alembicRequest(step, project.directory, ['upgrade', 'head']));
/** Until so many sessions of this database wait for a lock. */
async function waiting(count: number): Promise<void> {
  await expect
    .poll(
      () => ask(`SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`),
      {
        timeout: 60_000,
      },
    )
    .toHaveLength(count);
}
const exists = async (table: string) =>
  (await ask<{ n: string }>(`SELECT to_regclass('${table}') AS n`))[0]!.n !== null;
const forked = { root: revision('root'), b: revision('b', ['root']), c: revision('c', ['root']) };

describe('alembic', () => {
  it('applies a merge point, and takes back only that: two version rows are left', async () => {
    const one = project.release('1', forked);
    const merged = project.release('2', { ...forked, m: revision('m', ['b', 'c']) });
    expect(await using(one).known()).toEqual(['root', 'b', 'c']);
    expect(await using(merged).known()).toEqual(['root', 'b', 'c', 'm']);
    const { note } = await using(merged, { previous: one }).upgrade();
    expect(note).toMatch(/^root, b, c, m applied/);
    expect(await ask('SELECT version_num FROM alembic_version')).toEqual([{ version_num: 'm' }]);
    expect(await using(merged).applied()).toEqual(['root', 'b', 'c', 'm']);
    await takenBack(merged, one);
    expect([await using(one).applied(), await exists('m'), await exists('b')]).toEqual([
      ['root', 'b', 'c'],
      false,
      true,
    ]);
  });

  it('finds revisions in several folders and in folders of these, as alembic does: two rows, then a merge point, and back', async () => {
    const ini = `[alembic]
# version_locations = nowhere
script_location = %(here)s/db
recursive_version_locations = true
path_separator = newline
version_locations =
    %(here)s/db/versions
    %(here)s/plugins/mail
`;
    const two = {
      'db/versions/2025/root.py': revision('root'),
      'db/versions/2025/b.py': revision('b', ['root']),
      'plugins/mail/versions/c.py': revision('c', ['root']),
    };
    const release = (version: string, files: Record<string, string>) => {
      const sha = commit(project.directory, { 'alembic.ini': ini, 'db/env.py': environment, ...files });
      return { version, sha };
    };
    const one = release('1', two);
    expect(await using(one).known()).toEqual(['root', 'b', 'c']);
    const step = using(one).step;
    const heads = await step.read(alembicRequest(step, project.directory, ['heads']));
    for (const head of ['b', 'c']) expect(heads.stdout).toMatch(new RegExp(`^${head} `, 'm'));
    expect((await using(one).preflight())[0]).toMatchObject({
      outcome: 'fail',
      seen: 'b, c: merge them with alembic merge, or say migrations.alembic.heads: several',
    });
    const merged = release('2', { 'plugins/mail/versions/2026/m.py': revision('m', ['b', 'c']) });
    await using(merged, { previous: one }).upgrade();
    expect(await using(merged).applied()).toEqual(['root', 'b', 'c', 'm']);
    await takenBack(merged, one);
  });

  it('refuses an undo that no absolute target does alone, and changes nothing', async () => {
    const release = project.release('1', { ...forked, m: revision('m', ['b', 'c']) });
    await using(release).upgrade();
    const back = using(release, { at: { undo: true } });
    await expect(back.downgrade(['root', 'b'])).rejects.toMatchObject(failing('takes back c alone'));
    expect([set(await back.applied()), back.step.changes]).toEqual([set(['root', 'b', 'c', 'm']), []]);
  });

  it('is NO-GO with two heads, and names both; `current` may print log lines', async () => {
    const release = project.release('1', forked);
    expect(await using(release).preflight()).toMatchObject([
      {
        name: 'migration-heads',
        outcome: 'fail',
        seen: 'b, c: merge them with alembic merge, or say migrations.alembic.heads: several',
      },
      { name: 'migration-tool', outcome: 'pass', seen: 'current: none' },
    ]);
    const merged = project.release('2', { ...forked, m: revision('m', ['b', 'c']) });
    await using(merged).upgrade();
    expect(await using(merged).preflight()).toMatchObject([
      { outcome: 'pass', seen: 'm' },
      { outcome: 'pass', seen: 'current: m' },
    ]);
  });

  it('C2: applies all heads where the definition says that there may be several, and takes them back', async () => {
    const heads = 'several' as const;
    const first = project.release('1', { root: revision('root') });
    await using(first).upgrade();
    const release = project.release('2', forked);
    const allowed = using(release, { alembic: { heads }, previous: first, at: { try: 2 } });
    expect((await allowed.preflight())[0]).toMatchObject({ outcome: 'pass', seen: 'b, c' });
    expect((await allowed.upgrade()).note).toMatch(/^b, c applied/);
    expect(await ask('SELECT version_num FROM alembic_version ORDER BY 1')).toEqual([
      { version_num: 'b' },
      { version_num: 'c' },
    ]);
    const back = using(release, { alembic: { heads }, previous: first, at: { undo: true } });
    expect((await back.downgrade(['root'])).data).toEqual({ undone: ['b', 'c'] });
    expect([await exists('b'), await exists('c'), await exists('root')]).toEqual([false, false, true]);
  });

  it('is NO-GO where the tool is missing in the very place, or reads another database', async () => {
    const release = project.release('1', { root: revision('root') });
    await using(release).upgrade();
    const missing = using(release, { alembic: { runs: ['.venv/bin/alembic'] } });
    expect((await missing.preflight())[1]).toMatchObject({
      outcome: 'fail',
      expected: expect.stringContaining(join(project.directory, '.venv/bin/alembic')) as string,
    });
    const other = await freshDatabase();
    const elsewhere = using(release, { alembic: { guard: { DATABASE_URL: other.ownerUrl } } });
    expect((await elsewhere.preflight())[1]).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('does not tell root') as string,
    });
    await other.drop();
  });

  it('is told by its first failure where the application made its tables itself, without a revision', async () => {
    const release = project.release('1', { root: revision('root') });
    await ask('CREATE TABLE root (id int)');
    await expect(using(release).upgrade()).rejects.toMatchObject(failing('relation "root" already exists'));
    expect([await using(release).applied(), await exists('root')]).toEqual([[], true]);
  });

  it('that fails half-way names what is not applied, and a second call of the same try runs nothing again', async () => {
    const bad = `op.execute("SELECT 1 FROM nowhere")`;
    const release = project.release('1', { root: revision('root'), b: revision('b', ['root'], bad) });
    const first = using(release);
    await expect(first.upgrade()).rejects.toMatchObject(failing('not applied: b;'));
    expect([await first.applied(), first.step.changes]).toEqual([['root'], ['migrate']]);
    const second = using(release);
    await expect(second.upgrade()).rejects.toMatchObject(failing('"nowhere" does not exist'));
    expect(second.step.changes).toEqual([]);
  });

  it('beside another migrator says so, runs nothing again once all is applied, and takes nothing of the other back', async () => {
    const held = `op.execute("CREATE TABLE two (id int)"); op.execute("INSERT INTO two VALUES (1)"); op.execute("SELECT pg_advisory_xact_lock(7)")`;
    const one = project.release('1', { one: revision('one') });
    await using(one).upgrade();
    const release = project.release('2', { one: revision('one'), two: revision('two', ['one'], held) });
    const holder = new pg.Client({ connectionString: project.database.ownerUrl });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock(7)');
    const other = using(release, { at: { step: 'rehearse' }, previous: one });
    const others = migrateAs(other.step, 'other');
    await waiting(1);
    const ours = using(release, { at: { try: 2 }, previous: one });
    const refused = expect(ours.upgrade()).rejects.toMatchObject(
      failing('all that was wanted is applied: another migrator was at it at the same time'),
    );
    // The second one waits for what the first one made.
    await waiting(2);
    await holder.end();
    await others;
    await refused;
    expect([await ours.applied(), await ask('SELECT id FROM two')]).toEqual([['one', 'two'], [{ id: 1 }]]);
    const again = using(release, { at: { try: 3 }, previous: one });
    expect([(await again.upgrade()).note, again.step.changes]).toEqual(['no migration is pending', []]);

    // Between the look and the act: a release that ours has never heard of.
    const foreign = { one: revision('one'), two: revision('two', ['one'], held), x: revision('x', ['two']) };
    const next = project.release('3', { ...foreign, x: '', y: revision('y', ['two']) });
    const late = using(next, { at: { try: 4 }, previous: release });
    const change = late.step.change.bind(late.step);
    Object.assign(late.step, {
      change: async (...asked: Parameters<typeof change>) => {
        const stranger = project.release('x', foreign);
        await migrateAs(using(stranger, { at: { step: 'rehearse' } }).step, 'stranger');
        project.release('3', { ...foreign, x: '', y: revision('y', ['two']) });
        return change(...asked);
      },
    });
    await expect(late.upgrade()).rejects.toMatchObject(
      failing('the database has x, which this release does not know: another migrator was here meanwhile'),
    );
    const back = using(next, { at: { undo: true }, previous: release });
    await expect(back.downgrade(['one', 'two'])).rejects.toMatchObject(failing('nothing was undone'));
    expect([await exists('x'), await exists('y'), back.step.changes]).toEqual([true, false, []]);
  });

  it('keeps a revision that no known code has as it is, and neither migrates nor undoes it', async () => {
    const old = project.release('1', { root: revision('root') });
    const newer = project.release('2', { root: revision('root'), x: revision('x', ['root']) });
    await using(newer).upgrade();
    const lost = using(old, { at: { try: 2 } });
    expect(await lost.applied()).toEqual(['x']);
    await expect(lost.upgrade()).rejects.toMatchObject(failing('does not know what the database has: x'));
    await expect(using(old, { at: { undo: true } }).downgrade([])).rejects.toMatchObject(failing('no code here has x'));
    expect(await exists('x')).toBe(true);
  });

  it('rehearses on the copy alone, and not at all where alembic takes its database from elsewhere', async () => {
    const copy = await freshDatabase();
    const release = project.release('1', { root: revision('root') });
    const here = using(release);
    await here.upgrade(copy.ownerUrl);
    expect([await here.applied(copy.ownerUrl), await here.applied(), here.step.changes]).toEqual([['root'], [], []]);
    write(project.directory, {
      'db/env.py': `import os\nos.environ['DATABASE_URL'] = '${project.database.ownerUrl}'\n${environment}`,
    });
    const fresh = await freshDatabase();
    await expect(here.upgrade(fresh.ownerUrl)).rejects.toMatchObject({ type: 'DataRefused' });
    expect([await here.applied(fresh.ownerUrl), await here.applied()]).toEqual([[], []]);
    await copy.drop();
    await fresh.drop();
  });

  it('tells of revisions with an autocommit block, which commits what came before', async () => {
    const block = `with op.get_context().autocommit_block():\n        op.execute("SELECT 1")`;
    const release = project.release('1', {
      a: revision('a', [], block),
      b: revision('b', ['a']),
      c: revision('c', ['b'], block),
    });
    const { step } = using(release);
    expect(await migrationTool(step.definition)!.outsideTransaction!(step, release, ['b', 'c'])).toEqual(['c']);
  });

  it('reads revisions from the commit, whatever is checked out and without running it', async () => {
    const marker = join(project.directory, 'was-run');
    const nosy = `${revision('root')}\nopen(${JSON.stringify(marker)}, 'w')\n`;
    const release = project.release('1', { root: nosy, notes: '# no revision: über' });
    rmSync(join(project.directory, 'db'), { recursive: true });
    expect([await using(release).known(), existsSync(marker)]).toEqual([['root'], false]);
  });

  it('comes with the release that brings it; a release without it is NO-GO', async () => {
    const before = { version: '0', sha: commit(project.directory, { VERSION: '0' }) };
    const release = project.release('1', { root: revision('root') });
    expect(await using(release, { previous: before }).applied()).toEqual([]);
    await using(release, { previous: before }).upgrade();
    expect(await using(release, { previous: before }).applied()).toEqual(['root']);
    expect((await using(before).preflight())[0]).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('no alembic.ini') as string,
    });
  });
});
