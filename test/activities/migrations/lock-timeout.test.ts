import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stores } from '../../../src/activities/data/lookup.js';
import { migrationTool } from '../../../src/activities/migrations/lookup.js';
import { toolRequest } from '../../../src/activities/migrations/tool-request.js';
import { writeStandby } from '../../../src/activities/records.js';
import { killable, type Killable, type Kind } from '../../faults/killable-migrations.js';
import type { TestStep } from '../step-context.js';
import { installTool } from './sequelize-project.js';

/** By libpq and by node-pg. */
describe.each<Kind>(['alembic', 'sequelize-cli'])(
  'a migration by %s that another session keeps from a lock',
  (kind) => {
    let installed: Awaited<ReturnType<typeof installTool>> | undefined;
    let project: Killable;
    beforeAll(async () => {
      if (kind === 'sequelize-cli') installed = await installTool();
      project = await killable(kind, installed?.modules ?? '');
    }, 300_000);
    afterAll(async () => {
      await project?.remove();
      installed?.remove();
    });

    it('fails in bounded time instead of hanging, naming the setting and the session', async () => {
      const step = within(project.step('run-1', 1), 200);
      const [store] = stores(step.definition);
      await writeStandby(step.folder, [await store!.standby(step)]);
      const reading = new pg.Client({
        connectionString: step.env.value('$DATABASE_URL'),
        application_name: 'nightly report',
      });
      await reading.connect();
      try {
        await reading.query('BEGIN; SELECT * FROM people');
        const [row] = (await reading.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
        const tool = migrationTool(step.definition)!;
        const wanted = (await tool.known(step, step.run.version))!;
        const failed = await tool.upgrade(step, project.directory, wanted).catch((error: unknown) => error);
        const name = kind === 'alembic' ? kind : 'sequelize';
        expect(failed).toMatchObject({ type: 'MigrationFailed' });
        expect((failed as Error).message).toMatch(
          new RegExp(
            `lock timeout.* \\(lock_timeout of 0.2 s, migrations.${name}.lock_timeout: .*still at work on it: .*\\(nightly report, pid ${row?.pid}\\)`,
          ),
        );
      } finally {
        await reading.end();
      }
    });

    it('waits a minute unless told otherwise; own options come last', () => {
      const options = (step: TestStep) => toolRequest(step, project.directory, ['tool']).env?.PGOPTIONS;
      const step = project.step('run-1', 1);
      expect([options(step), options(within(step, 0))]).toEqual(['-c lock_timeout=60000', undefined]);
      const own = { get: () => ({ reveal: () => '-c search_path=shop' }), value: step.env.value.bind(step.env) };
      expect(options({ ...step, env: own as unknown as TestStep['env'] })).toBe(
        '-c lock_timeout=60000 -c search_path=shop',
      );
    });
  },
);

function within(step: TestStep, lockTimeoutMs: number): TestStep {
  const migrations = Object.fromEntries(
    Object.entries(step.definition.migrations ?? {}).map(([name, options]) => [name, { ...options, lockTimeoutMs }]),
  );
  return { ...step, definition: { ...step.definition, migrations } };
}
