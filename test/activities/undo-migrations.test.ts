import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { choose, putBack } from '../../src/activities/decision.js';
import { findManifest } from '../../src/activities/keeping/manifest.js';
import { needsOf } from '../../src/activities/keeping/needs.js';
import { rehearseRestore } from '../../src/activities/keeping/rehearse-restore.js';
import { migrationTool } from '../../src/activities/migrations/lookup.js';
import { noteCounters } from '../../src/activities/note-counters.js';
import { appliedRevisions } from '../../src/activities/revisions.js';
import { standby } from '../../src/activities/release-steps.js';
import type { Step } from '../../src/activities/step.js';
import { appendEvidence } from '../../src/lib/evidence.js';
import { makeFolder } from '../../src/lib/files.js';
import type { At, Definition, Plan, Release } from '../../src/model.js';
import { run as query } from './data/postgres/shop.js';
import { makeAlembicProject, revision, type AlembicProject } from './migrations/alembic-project.js';
import { stepContext } from './step-context.js';

/** 1.0.0 ran; 2.0.0 brought `two` and a column, was used, and is taken back by `prefer: undo`. Its undo fails half-way while `broken` is there. */
describe('a release that is taken back by undoing its migrations', { timeout: 600_000 }, () => {
  let project: AlembicProject;
  let broken: string;
  let [one, two]: Release[] = [];
  beforeAll(async () => {
    project = await makeAlembicProject();
    broken = join(project.directory, '..', 'broken');
    const second = revision(
      'two',
      ['one'],
      'op.execute("CREATE TABLE two (id int); ALTER TABLE one ADD COLUMN note text")',
    )
      .replace('from alembic import op', 'import os\nfrom alembic import op')
      .replace(
        'op.execute("DROP TABLE IF EXISTS two")',
        `op.execute("ALTER TABLE one DROP COLUMN note")
    if os.path.exists("${broken}"):
        op.execute("COMMIT")
        raise Exception("no way back")
    op.execute("DROP TABLE two")`,
      );
    one = project.release('1.0.0', { one: revision('one') });
    two = project.release('2.0.0', { one: revision('one'), two: second });
    await upgrade(stepOf('first', {}), ['one']);
  }, 300_000);
  afterAll(() => project?.remove());

  it('shows what is dropped, is refused where a row came since, and keeps the present state before', async () => {
    const context = await released('run-1');
    await ask(`INSERT INTO two VALUES (1)`);
    const choice = await choose(context);
    expect(choice).toMatchObject({
      ...{ decision: 'undo', to: 'main: one', loss: { 'main.public.two': 1 }, asks: true },
      drops: ['table public.two', 'column public.one.note'],
    });

    await ask(`INSERT INTO one VALUES (1, 'written between choice and act')`);
    await expect(putBack(context, choice)).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringMatching(/has changed since it was shown: .*"main\.public\.one":1/) as string,
    });
    expect(await ask('SELECT note FROM one')).toHaveLength(1);
    expect(context.changes).toEqual([]);

    const { data } = await putBack(context, await choose(context));
    expect(data).toMatchObject({ revisions: { main: ['one'] } });
    expect(await ask(`SELECT to_regclass('two') AS two, (SELECT count(*)::int FROM one) AS n`)).toEqual([
      { two: null, n: 1 },
    ]);

    // What was there before it, under the version that had it, for as long as its run may want it.
    const id = 'run-1-before-undo';
    const manifest = await findManifest(context, id);
    expect(manifest).toMatchObject({ version: '2.0.0', revisions: { main: ['one', 'two'] }, proven: {} });
    expect(manifest!.stores[0]!.contents.tables['public.two']).toMatchObject({ rows: 1 });
    await appendEvidence(context.folder, { id: 'resolve', kind: 'run', data: {} });
    expect([...(await needsOf(context, [id, 'run-0-before-undo']))]).toEqual([[id, 'its run did not end']]);
    // It is none that people mean by the latest.
    await expect(rehearseRestore(stepOf('rehearsal', {}))).rejects.toThrow('there is no backup of shop/test');
  });

  it('returns to the present state where its undo fails, and what is tried then puts the data back', async () => {
    const context = await released('run-2');
    await ask(`INSERT INTO two VALUES (7)`);
    writeFileSync(broken, '');
    await expect(putBack(context, await choose(context))).rejects.toMatchObject({
      type: 'MigrationFailed',
      message: expect.stringMatching(/no way back.*; all data is as it was before the undo$/s) as string,
    });
    const present = async () => [await appliedRevisions(context), await ask('SELECT two.id, note FROM two, one')];
    const kept = [{ main: ['one', 'two'] }, [{ id: 7, note: null }]];
    expect(await present()).toEqual(kept);
    // As after a lost worker: the undo is adopted, and the state is there already.
    await expect(putBack(context, { ...(await choose(context)), decision: 'undo' })).rejects.toMatchObject({
      type: 'MigrationFailed',
    });
    expect(await present()).toEqual(kept);
    expect(context.changes).toEqual(['undo-to-one']);

    const retry = stepOf('run-2', { try: 2 });
    const choice = await choose(retry);
    // Of a restored database nobody can tell what was written since.
    expect(choice).toMatchObject({ decision: 'put-back', loss: null, asks: true });
    await putBack(retry, choice);
    expect([await appliedRevisions(retry), await ask('SELECT * FROM one')]).toEqual([{ main: ['one'] }, [{ id: 1 }]]);
    rmSync(broken);
  });

  it('is refused where it has become another act meanwhile, though nobody would be asked about that one', async () => {
    const context = await released('run-3');
    const prefers = (prefer: 'undo' | 'restore'): Step => ({
      ...context,
      definition: { ...context.definition, rollback: { prefer, restore: 'always' } },
    });
    const choice = await choose(prefers('restore'));
    expect(choice).toMatchObject({ decision: 'put-back', asks: false });
    await expect(putBack(prefers('undo'), choice)).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringMatching(/^it was to put-back .*, and is to undo now/) as string,
    });
    expect(await appliedRevisions(context)).toEqual({ main: ['one', 'two'] });
    expect(existsSync(join(context.folder, 'put-back.json'))).toBe(false);
  });

  /** After the migration of 2.0.0 by that run, which is being undone. */
  async function released(run: string) {
    const context = stepOf(run, {});
    await makeFolder(context.folder);
    await standby(context);
    await upgrade(stepOf(run, { undo: false }), ['one', 'two']);
    await noteCounters(context);
    return context;
  }

  async function upgrade(step: Step, wanted: string[]): Promise<void> {
    if (wanted.length === 1)
      await ask(
        `CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('one'); CREATE TABLE one (id int)`,
      );
    else await migrationTool(step.definition)!.upgrade(step, project.directory, wanted);
  }

  function stepOf(run: string, at: Partial<At>) {
    const { definition: plain, home } = project.step(two!);
    const definition: Definition = { ...plain, rollback: { prefer: 'undo', restore: 'ask' } };
    const env = join(home, 'env');
    const step = stepContext({
      definition,
      folder: join(home, 'runs', run),
      home,
      env,
      previous: one!,
      at: { step: 'migrate', undo: true, ...at },
    });
    const plan = { pending: { main: ['two'] } } as unknown as Plan;
    const pinned = { definition, plan, before: { main: ['one'] }, live: null, people: {}, targets: {} };
    return { ...step, run: { ...step.run, id: run, version: two! }, pinned };
  }

  async function ask(sql: string): Promise<unknown[]> {
    return query(project.database.ownerUrl, sql);
  }
});
