import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Step } from '../../src/activities/step.js';
import {
  checkOwnData,
  noteTargets,
  refuseOtherTargets,
  targetsOf,
  type Targets,
} from '../../src/activities/targets.js';
import { makeFolder } from '../../src/lib/files.js';
import type { Definition, Plan } from '../../src/model.js';
import { shop } from '../definition/fixture.js';
import { freshDatabase, type TestDatabase } from '../stack/database.js';
import { definitionOf, stepContext } from './step-context.js';

describe('the data that a run was planned for', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-targets-'));
  let [database, another]: TestDatabase[] = [];
  let definition: Definition;

  beforeAll(async () => {
    [database, another] = [await freshDatabase(), await freshDatabase()];
    writeFileSync(join(root, 'notes.db'), '');
    const postgres = { url: '$URL', backup_url: '$BACKUP_URL', admin_url: '$ADMIN_URL' };
    definition = { ...definitionOf(root), databases: { main: { postgres }, notes: { sqlite: { file: 'notes.db' } } } };
  });
  afterAll(async () => {
    await Promise.all([database?.drop(), another?.drop()]);
    rmSync(root, { recursive: true, force: true });
  });

  it('is acted on; another database that the env file names since, or another file in its place, is refused with both names', async () => {
    const targets = await targetsOf(step(database!));
    await refuseOtherTargets(step(database!, targets));

    await expect(refuseOtherTargets(step(another!, targets))).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringMatching(
        `main is database ${another!.name} .*, and was database ${database!.name} .* when this run began`,
      ) as string,
    });

    writeFileSync(join(root, 'other.db'), '');
    renameSync(join(root, 'other.db'), join(root, 'notes.db'));
    await expect(refuseOtherTargets(step(database!, targets))).rejects.toMatchObject({
      type: 'DataRefused',
      message: expect.stringContaining(`notes is ${join(root, 'notes.db')} (inode `) as string,
    });
  });

  it('may be made by the release itself, and a store that could not be asked is left to its own checks', async () => {
    const absent = { ...definition, databases: { notes: { sqlite: { file: 'absent.db' } } } };
    const targets = await targetsOf(step(database!, {}, absent));
    writeFileSync(join(root, 'absent.db'), '');
    await refuseOtherTargets(step(database!, targets, absent));

    const nowhere = { ...database!, adminUrl: 'postgres://nobody@127.0.0.1:1/none' };
    expect(await targetsOf(step(nowhere))).toMatchObject({ main: null, notes: { system: 'file' } });
  });

  it('is told where another environment of the host has it under other names', async () => {
    const targets = await targetsOf(step(database!));
    const own = { ...step(database!, targets), shared: join(root, 'state') };
    const home = (environment: string) => join(own.shared, environment);
    for (const environment of [own.run.environment, 'cafe/test', 'cafe/other']) await makeFolder(home(environment));
    await noteTargets({ home: home(own.run.environment) }, targets);
    await noteTargets(
      { home: home('cafe/other') },
      await targetsOf(step(another!, {}, { ...definition, databases: { main: definition.databases.main! } })),
    );
    expect(await checkOwnData(own)).toMatchObject([{ name: 'own-data', outcome: 'pass' }]);

    await noteTargets({ home: home('cafe/test') }, { renamed: targets.main! });
    expect(await checkOwnData(own)).toMatchObject([
      {
        outcome: 'fail',
        must: 'warn',
        seen: expect.stringMatching(/^main is database .*, which cafe\/test had/) as string,
      },
    ]);
  });

  it('is no other environment’s, where both env files lead to it now: NO-GO for a release, a warning for a rollback', async () => {
    const [systems, other] = [join(root, 'systems'), join(root, 'cafe')];
    for (const folder of [systems, other]) mkdirSync(folder);
    writeFileSync(join(other, '.env'), `DATABASE_URL='${database!.ownerUrl}'\n`);
    const cafe = shop.replace('system: shop', 'system: cafe').replace('/srv/shop', other);
    writeFileSync(join(systems, 'cafe.yaml'), cafe);
    const named: Definition = { ...definition, env_file: '.env', positions: { host: 'systems/shop.yaml:4' } };
    const own = { ...step(database!, {}, named), systems };
    const seen = expect.stringMatching(
      /shop\/test: expected a database localhost:\d+\/\w+ of its own on host localhost, got that of cafe\/production/,
    ) as string;
    const [refused, ...more] = await checkOwnData(own);
    expect([refused, more]).toEqual([{ ...refused, name: 'own-data', outcome: 'fail', seen }, []]);
    expect(refused?.must).toBe('must');
    expect(await checkOwnData({ ...own, run: { ...own.run, kind: 'rollback' } })).toMatchObject([
      { outcome: 'fail', must: 'warn', seen },
    ]);
    const elsewhere = { ...step(another!, {}, named), systems, shared: other };
    expect(await checkOwnData(elsewhere)).toEqual([]);
  });

  function step(from: TestDatabase, targets: Targets = {}, of = definition): Step {
    const env = join(root, '.env');
    writeFileSync(env, `URL='${from.ownerUrl}'\nBACKUP_URL='${from.backupUrl}'\nADMIN_URL='${from.adminUrl}'\n`);
    const context = stepContext({ definition: of, folder: join(root, 'run'), home: join(root, 'home'), env });
    const plan = {} as Plan;
    return { ...context, pinned: { definition: of, plan, before: {}, live: null, people: {}, targets } };
  }
});
