import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backup } from '../../src/activities/backup.js';
import { rehearseRestore } from '../../src/activities/keeping/rehearse-restore.js';
import { migrationTool } from '../../src/activities/migrations/lookup.js';
import { readTriedBefore } from '../../src/activities/records.js';
import { rehearse } from '../../src/activities/rehearse.js';
import { source } from '../../src/activities/source/lookup.js';
import type { Step } from '../../src/activities/step.js';
import { appendHistory } from '../../src/lib/history.js';
import type { Change, Definition, Plan, Release } from '../../src/model.js';
import { deployed } from './keeping/deployed.js';
import { makeAlembicProject, revision, type AlembicProject } from './migrations/alembic-project.js';

/** 1.0.0 runs, whose table is `one`; 2.0.0 gives it another name. */
describe('a rehearsal', { timeout: 600_000 }, () => {
  let project: AlembicProject;
  let [one, two]: Release[] = [];
  beforeAll(async () => {
    project = await makeAlembicProject('SQLite');
    const [first, second] = [revision('one'), revision('two', ['one'], 'op.rename_table("one", "two")')];
    one = project.release('1.0.0', { one: first });
    const deploying = project.step(one);
    await migrationTool(deploying.definition)!.upgrade(deploying, project.directory, ['one']);
    two = project.release('2.0.0', { one: first, two: second });
    await source(deploying.definition).fetch(step('none', {}), two);
  }, 300_000);
  afterAll(() => project?.remove());

  it('asks the migrated copy what can be asked of one, and says what cannot', async () => {
    const verify = {
      named: sql("SELECT count(*) FROM sqlite_master WHERE name = 'two'", 1),
      health: { http: '/health' },
    };
    const context = step('breaking', verify);
    await backup(context);
    const { note } = await rehearse(context);
    expect(note).toMatch(
      /^migrations took .* s on the copy; named of 2\.0\.0 passed on it; no copy can be asked health$/,
    );
    expect(await readTriedBefore(context.folder)).toBeUndefined();
  });

  it('fails where the new version’s own check fails on it, before anything is stopped', async () => {
    await expect(rehearse(step('breaking', { full: sql('SELECT count(*) FROM two', 7) }))).rejects.toMatchObject({
      type: 'CheckFailed',
      message: expect.stringMatching(/^on the migrated copy: full: .*0/) as string,
    });
  });

  it('refutes a change that was declared compatible, where a check of the version before fails on what was migrated', async () => {
    const old = { old: { ...sql('SELECT count(*) FROM one', 0), when: { version: '<2.0.0' } } };
    await expect(rehearse(step('compatible', old))).rejects.toMatchObject({
      type: 'CheckFailed',
      message: expect.stringMatching(
        /^declared compatible, but on the migrated copy 1\.0\.0 fails: old: .*no such table: one/,
      ) as string,
    });
    const both = step('compatible', { named: sql("SELECT count(*) FROM sqlite_master WHERE name = 'two'", 1) });
    expect((await rehearse(both)).note).toContain('named of 2.0.0 passed on it; named of 1.0.0 passed on it');
    expect(await readTriedBefore(both.folder)).toEqual(['named']);
  });

  it('of the latest backup tells the check or the revisions that the restored copy fails on, and leaves no scratch', async () => {
    const rehearsing = async (verify: object, runs: Release = one!) => {
      const context = step('none', verify);
      await rm(join(context.home, 'history.jsonl'), { force: true });
      await appendHistory(context.home, { ...deployed('r1', null), current: { ...runs, version: '1.0.0', run: 'r1' } });
      try {
        return await rehearseRestore(context);
      } finally {
        expect(await readdir(join(context.folder, 'plain'))).toEqual([]);
      }
    };
    await backup(step('none', {}));
    expect(await rehearsing({ empty: sql('SELECT count(*) FROM one', 0) })).toMatchObject({
      data: { passed: ['empty'] },
    });
    await expect(rehearsing({ full: sql('SELECT count(*) FROM one', 7) })).rejects.toMatchObject({
      type: 'CheckFailed',
      message: expect.stringMatching(/^on main as restored from the backup of 20\S+: full: .*0/) as string,
    });
    await expect(rehearsing({}, two)).rejects.toMatchObject({
      type: 'MigrationFailed',
      message: 'the restored copy is at main: one, the code of 1.0.0 wants main: one, two',
    });
  });

  function step(change: Change, verify: object): Step {
    const context = project.step(two!, { previous: one!, at: { step: 'rehearse' } });
    const definition: Definition = { ...context.definition, verify: verify as Definition['verify'] };
    const pinned = { definition, plan: {} as Plan, before: { main: ['one'] }, live: one!, people: {}, targets: {} };
    return { ...context, definition, run: { ...context.run, change }, pinned };
  }

  function sql(query: string, value: number): object {
    return { sql: query, level: 'must', expect: { value } };
  }
});
