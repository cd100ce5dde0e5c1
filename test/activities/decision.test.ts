import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { choose, putBack } from '../../src/activities/decision.js';
import { migrationTool } from '../../src/activities/migrations/lookup.js';
import { pinnedPath } from '../../src/activities/pinned.js';
import { stores } from '../../src/activities/data/lookup.js';
import { noteStopped, readKeptAhead, writeStandby, writeTriedBefore } from '../../src/activities/records.js';
import { start, swapIn } from '../../src/activities/release-steps.js';
import { appliedRevisions } from '../../src/activities/revisions.js';
import type { Step } from '../../src/activities/step.js';
import { hashOf, makeFolder, writeAtomic } from '../../src/lib/files.js';
import { appendHistory } from '../../src/lib/history.js';
import type { Change, HistoryEntry, Plan, Release } from '../../src/model.js';
import { makeAlembicProject, revision, type AlembicProject } from './migrations/alembic-project.js';

/** 1.0.0 ran, 2.0.0 brought `two` and runs now, on a real database. */
describe('a rollback whose newer release was declared compatible', { timeout: 600_000 }, () => {
  let project: AlembicProject;
  let [one, two]: Release[] = [];
  beforeAll(async () => {
    project = await makeAlembicProject();
    const [first, second] = [revision('one'), revision('two', ['one'])];
    one = { ...project.release('1.0.0', { one: first }), run: 'run-1' };
    two = { ...project.release('2.0.0', { one: first, two: second }), run: 'run-2' };
    const deploying = project.step(two, { previous: one });
    await migrationTool(deploying.definition)!.upgrade(deploying, project.directory, ['one', 'two']);
  }, 300_000);
  afterAll(() => project?.remove());

  it.each<[string, Parameters<typeof rollback>[0]]>([
    ['the release was declared breaking', { change: 'breaking' }],
    ['the definition does not say so', { change: 'compatible', prefer: 'restore' }],
    ["the release's plan was changed afterwards", { change: 'compatible', tamper: true }],
    ['the application migrates itself', { change: 'compatible', atStart: true }],
    ['no check of the version before was tried on its migrated copy', { change: 'compatible', untried: true }],
  ])('puts the data back where %s', async (_why, options) => {
    const context = await rollback(options);
    // No copy was ever made here: so the decision to put one back is told by what it lacks.
    await expect(choose(context)).rejects.toMatchObject({ type: 'BackupUnusable' });
    await expect(start(context, one!)).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining('does not know main: two') as string,
    });
  });

  it('does nothing where another migrator was there since people agreed', async () => {
    const context = await rollback({ change: 'compatible' });
    const choice = await choose(context);
    await ask(`INSERT INTO alembic_version VALUES ('stranger')`);
    await expect(putBack(context, choice)).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining('was to stay at main: one, two, and is at main: one, two, stranger') as string,
    });
    expect(await readKeptAhead(context.folder)).toBeUndefined();
    expect(await ask('SELECT 1 FROM two')).toEqual([]);
    await ask(`DELETE FROM alembic_version WHERE version_num = 'stranger'`);
  });

  it('keeps the database ahead only where a person agrees, and starts the older version on just that', async () => {
    const context = await rollback({ change: 'compatible' });
    const choice = await choose(context);
    expect(choice).toMatchObject({ decision: 'keep-ahead', to: 'main: one, two', loss: {}, drops: [], asks: true });
    const { data } = await putBack(context, choice);
    expect(data).toMatchObject({ revisions: { main: ['one', 'two'] } });
    // A second call, as after a lost worker, does the same.
    await putBack(context, choice);
    await start(context, one!);

    await ask(`INSERT INTO alembic_version VALUES ('stranger')`);
    await expect(start(context, one!)).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining('does not know main: two, stranger') as string,
    });
    await ask(`DELETE FROM alembic_version WHERE version_num = 'stranger'`);
  });

  it('is known to later runs, whose undo may start it again on what it was kept on', async () => {
    const context = await rollback({ change: 'compatible' });
    await putBack(context, await choose(context));
    const ahead = await readKeptAhead(context.folder);
    const { of, revisions } = ahead!;
    await appendHistory(context.home, entry('run-3', 'rollback', one!, one!, { ahead: { of, revisions } }));
    // A release that never heard of `two`.
    const hotfix = project.release('1.0.1', { one: revision('one') });
    const step = project.step(hotfix, { previous: one!, at: { step: 'stop', undo: true } });
    const later = asStep({ ...step, folder: join(step.home, 'runs', 'run-4') }, { main: ['one', 'two'] });
    expect(await appliedRevisions(later)).toEqual({ main: ['one', 'two'] });
    expect(await choose(later)).toMatchObject({ decision: 'keep', asks: false });
    await makeFolder(later.folder);
    await noteStopped(later.folder);
    await start(later, one!);
    await expect(start(later, hotfix)).rejects.toMatchObject({ type: 'DataRefused' });
  });

  it('undoes nothing by name where a migration or an undo did not come to its end', async () => {
    const [first, second] = [revision('one'), revision('two', ['one'])];
    const three = project.release('3.0.0', { one: first, two: second, three: revision('three', ['two']) });
    const undoing = (version: Release, attempt: number) => {
      const step = project.step(version, { previous: one!, at: { step: 'migrate', undo: true, try: attempt } });
      const definition: Step['definition'] = { ...step.definition, rollback: { prefer: 'undo', restore: 'ask' } };
      return asStep({ ...step, definition, folder: join(step.home, 'runs', 'run-5') }, { main: ['one'] });
    };
    expect(await choose(undoing(two!, 1))).toMatchObject({ decision: 'undo', drops: ['all that two made'] });
    expect(await choose(undoing(three, 1))).toMatchObject({ decision: 'put-back', drops: [] });
    await makeFolder(join(undoing(two!, 1).folder, 'commands/undo-migrate-1-undo-to-one'));
    expect(await choose(undoing(two!, 1))).toMatchObject({ decision: 'undo' });
    expect(await choose(undoing(two!, 2))).toMatchObject({ decision: 'put-back' });
  });

  it('gets back what it left, where its undo of migrations was begun and then taken back', async () => {
    const step = project.step(one!, { previous: two!, at: { step: 'data', undo: true } });
    const { ownerUrl: url, adminUrl: admin_url } = project.database;
    const definition = { ...step.definition, databases: { main: { postgres: { url, backup_url: url, admin_url } } } };
    const folder = join(step.home, 'runs', 'run-6');
    const context = asStep({ ...step, definition, folder, run: { ...step.run, kind: 'rollback' } }, {});
    await makeFolder(folder);
    await writeStandby(folder, [await stores(definition)[0]!.standby(context)]);
    expect((await swapIn(context)).note).toBe('the data was not touched');
    await makeFolder(join(folder, 'commands/data-1-undo-to-one'));
    await ask('DROP TABLE two');
    await swapIn(context);
    expect(await ask('SELECT 1 FROM two')).toEqual([]);
    expect(await appliedRevisions(context)).toEqual({ main: ['one', 'two'] });
  });

  async function rollback(options: {
    change: Change;
    prefer?: 'keep' | 'restore';
    tamper?: boolean;
    atStart?: boolean;
    untried?: boolean;
  }): Promise<Step> {
    const { change, prefer = 'keep', tamper, atStart, untried } = options;
    const step = project.step(one!, {
      previous: two!,
      at: { step: 'rollback' },
      alembic: atStart ? { at: 'start' } : {},
    });
    const definition: Step['definition'] = { ...step.definition, rollback: { prefer, restore: 'ask' } };
    await appendHistory(step.home, entry('run-1', 'deploy', one!, null));
    await appendHistory(step.home, entry('run-2', 'deploy', two!, one!));
    const content = { change, definition: hashOf(definition) };
    const plan = { ...content, hash: hashOf(content), ...(tamper ? { change: 'none' } : {}) };
    await makeFolder(step.folderOf('run-2'));
    await writeAtomic(pinnedPath(step.folderOf('run-2')), JSON.stringify({ plan, definition }));
    await writeTriedBefore(step.folderOf('run-2'), untried ? [] : ['payments']);
    return asStep({ ...step, definition, run: { ...step.run, kind: 'rollback' } }, {});
  }

  function asStep(context: Omit<Step, 'pinned'>, before: Step['pinned']['before']): Step {
    const plan = { pending: {} } as unknown as Plan;
    return {
      ...context,
      pinned: { definition: context.definition, plan, before, live: null, people: {}, targets: {} },
    };
  }

  async function ask(sql: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: project.database.ownerUrl });
    await client.connect();
    try {
      return (await client.query<object>(sql)).rows;
    } finally {
      await client.end();
    }
  }
});

function entry(
  run: string,
  kind: HistoryEntry['kind'],
  current: Release,
  previous: Release | null,
  more: Partial<HistoryEntry> = {},
): HistoryEntry {
  const at = '2026-01-05T12:00:00Z';
  const outcome = kind === 'deploy' ? 'deployed' : 'done';
  const texts = { version: current.version, by: 'ann', startedAt: at, endedAt: at, evidence: '' };
  return { run, kind, outcome, current, previous, ...texts, revisions: {}, fingerprints: {}, ...more };
}
