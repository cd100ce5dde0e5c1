import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrationTool } from '../../../src/activities/migrations/lookup.js';
import { failureType, rootMessage } from '../../../src/errors.js';
import type { TestDatabase } from '../../stack/database.js';
import type { TestStep } from '../step-context.js';
import { makeAlembicProject, revision } from './alembic-project.js';
import { makeDjangoProject, migration as djangoMigration } from './django-project.js';
import { installTool, makeProject, migration as sequelizeMigration } from './sequelize-project.js';

/** What is done twice is seen by its rows; it waits for the test, so that all others come while it runs. */
const statements = [
  'SELECT pg_advisory_xact_lock(7)',
  'CREATE TABLE IF NOT EXISTS done (id int)',
  'INSERT INTO done VALUES (1)',
];
const starts = 20;

interface Shared {
  directory: string;
  database: TestDatabase;
  /** Of a run of its own. */
  step(run: number): TestStep;
  /** Rows of the tool's own table, as they stand. */
  applied: string;
  remove(): Promise<void>;
}

const tools: Record<string, (modules: string) => Promise<Shared>> = {
  alembic: async () => {
    const project = await makeAlembicProject();
    const body = statements.map((sql) => `op.execute("${sql}")`).join('; ');
    const release = project.release('1', { one: revision('one', [], body) });
    const step = (run: number) => project.step(release, { at: { try: run } });
    return { ...project, step, applied: 'SELECT version_num AS name FROM alembic_version' };
  },
  Django: async () => {
    const project = await makeDjangoProject('PostgreSQL');
    const body = statements.map((sql) => `        migrations.RunSQL("${sql}"),`).join('\n');
    const release = project.release('1', { 'shop/0001_one': djangoMigration([], body) });
    const step = (run: number) => project.step(release, { at: { try: run } });
    const applied = `SELECT name FROM django_migrations WHERE app = 'shop'`;
    return { ...project, database: project.database!, step, applied };
  },
  'sequelize-cli': async (modules) => {
    const project = await makeProject(modules);
    const body = statements.map((sql) => `await q.sequelize.query('${sql}');`).join(' ');
    const release = project.release('1', { '1-one.js': sequelizeMigration(body) });
    const step = (run: number) => {
      const made = project.step({ at: { try: run } });
      return { ...made, run: { ...made.run, version: release } };
    };
    return { ...project, step, applied: 'SELECT name FROM "SequelizeMeta"' };
  },
};

describe.each(Object.entries(tools))(`C5: ${starts} runs that migrate one database at once, by %s`, (_name, make) => {
  let installed: Awaited<ReturnType<typeof installTool>> | undefined;
  let shared: Shared;
  beforeAll(async () => {
    if (_name === 'sequelize-cli') installed = await installTool();
    shared = await make(installed?.modules ?? '');
  }, 300_000);
  afterAll(async () => {
    await shared?.remove();
    installed?.remove();
  });

  it('apply it once: all others refuse, naming the run that does, and find it done afterwards', async () => {
    const client = new pg.Client({ connectionString: shared.database.ownerUrl });
    await client.connect();
    const refused: unknown[] = [];
    const begin = async (number: number) => {
      const step = shared.step(number);
      const mine = { ...step, run: { ...step.run, id: `run-${number}` } };
      const tool = migrationTool(mine.definition)!;
      const wanted = [...new Set([...(await tool.applied(mine)), ...(await tool.known(mine, mine.run.version))!])];
      const { note } = await tool.upgrade(mine, shared.directory, wanted);
      return { run: mine.run.id, note, changes: mine.changes };
    };
    try {
      await client.query('SELECT pg_advisory_lock(7)');
      const runs = Array.from({ length: starts }, (_, number) => begin(number + 1));
      for (const run of runs) run.catch((error: unknown) => refused.push(error));
      await expect.poll(() => refused.length, { timeout: 60_000 }).toBe(starts - 1);
      await client.query('SELECT pg_advisory_unlock(7)');
      const ended = await Promise.allSettled(runs);
      const [winner, ...others] = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect([others, winner?.note]).toEqual([[], expect.stringMatching(/one.* applied in/)]);
      expect(new Set(refused.map((error) => `${failureType(error)}: ${rootMessage(error)}`))).toEqual(
        new Set([
          `Held: slipway:${winner?.run} is at work on database ${shared.database.name}: wait until it has ended`,
        ]),
      );
      expect((await client.query(shared.applied)).rows).toHaveLength(1);
      expect((await client.query('SELECT id FROM done')).rows).toEqual([{ id: 1 }]);
      await begin(starts + 1);
      expect((await client.query('SELECT id FROM done')).rows).toEqual([{ id: 1 }]);
    } finally {
      await client.end();
    }
  }, 600_000);
});
