import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrationTool } from '../../../src/activities/migrations/lookup.js';
import { freshDatabase } from '../../stack/database.js';
import { definitionOf } from '../step-context.js';
import { write } from '../source/repository.js';
import { installTool, makeProject, migration, table, type Project } from './sequelize-project.js';

let tool: Awaited<ReturnType<typeof installTool>>;
let project: Project;
beforeAll(async () => void (tool = await installTool()));
afterAll(() => tool.remove());
beforeEach(async () => void (project = await makeProject(tool.modules)));
afterEach(() => project.remove());

const [a, b, c] = ['20260101-a.js', '20260102-b.js', '20260103-c.js'];
const adapter = () => migrationTool(project.step().definition)!;
const upgrade = (wanted: string[], url?: string, options?: Parameters<Project['step']>[0]) => {
  const step = project.step(options);
  return adapter()
    .upgrade(step, project.directory, wanted, url)
    .then((result) => ({ ...result, step }));
};
const applied = (url?: string) => adapter().applied(project.step(), url);
const downgrade = (wanted: string[], at = {}) =>
  adapter().downgradeTo(project.step({ at: { undo: true, ...at } }), project.directory, wanted);
const failing = (text: string) => ({ type: 'MigrationFailed', message: expect.stringContaining(text) as string });

async function tables(url = project.database.ownerUrl): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
  );
  await client.end();
  return rows.map(({ name }) => name).filter((name) => name !== 'SequelizeMeta');
}

describe('revisions', () => {
  it('that a release knows are read from its commit, whatever is checked out', async () => {
    const one = project.release('1', { [b]: table('b'), [a]: table('a'), 'types.d.ts': '', 'notes.md': '' });
    project.release('2', { [c]: table('c') });
    expect(await adapter().known(project.step(), one)).toEqual([a, b]);
  });

  it('that are applied come from the database, sorted by name, none for an empty one', async () => {
    expect(await applied()).toEqual([]);
    project.release('1', { [b]: table('b'), [a]: table('a') });
    await upgrade([a, b]);
    expect(await applied()).toEqual([a, b]);
  });

  it('are not read from a server that does not answer, which is said without the password', async () => {
    const refused = applied('postgresql://shop:geheim-geheim@127.0.0.1:1/shop');
    await expect(refused).rejects.toMatchObject({
      type: 'Unreachable',
      message: expect.not.stringContaining('geheim') as string,
    });
  });
});

describe('upgrade', () => {
  it('applies what is pending, and a second call nothing', async () => {
    project.release('1', { [a]: table('a'), [b]: table('b') });
    expect((await upgrade([a, b])).note).toMatch(`${a}, ${b} applied`);
    const again = await upgrade([a, b], undefined, { at: { try: 2 } });
    expect([again.step.changes, await tables()]).toEqual([[], ['a', 'b']]);
  });

  it('gives its guard to the one command, with references filled in', async () => {
    const guarded = `if (process.env.ALLOW !== 'true') throw new Error('not allowed'); await q.sequelize.query('CREATE TABLE a (id int)');`;
    project.release('1', { [a]: migration(guarded) });
    await expect(upgrade([a])).rejects.toMatchObject(failing('not allowed'));
    await upgrade([a], undefined, { sequelize: { guard: { ALLOW: '$GUARD' } }, at: { try: 2 } });
    expect(await applied()).toEqual([a]);
  });

  it('that fails half-way names the migration and says that the schema may be half-changed', async () => {
    const half = `await q.sequelize.query('CREATE TABLE half (id int)'); await q.sequelize.query('ALTER TABLE nowhere ADD x int');`;
    project.release('1', { [a]: table('a'), [b]: migration(half), [c]: table('c') });
    const failed = upgrade([a, b, c]);
    await expect(failed).rejects.toMatchObject(failing(`${b} failed`));
    await expect(failed).rejects.toMatchObject(failing('may be half-changed'));
    await expect(failed).rejects.toMatchObject(failing('"nowhere" does not exist'));
    expect([await applied(), await tables()]).toEqual([[a], ['a', 'half']]);
  });

  it('is not run again by a second call of the same try after it failed', async () => {
    const counting = `await q.sequelize.query('CREATE TABLE IF NOT EXISTS calls (id int)'); await q.sequelize.query('INSERT INTO calls VALUES (1)'); throw new Error('no');`;
    project.release('1', { [a]: migration(counting) });
    await expect(upgrade([a])).rejects.toMatchObject(failing(a));
    await expect(upgrade([a])).rejects.toMatchObject(failing(a));
    const client = new pg.Client({ connectionString: project.database.ownerUrl });
    await client.connect();
    expect((await client.query('SELECT * FROM calls')).rowCount).toBe(1);
    await client.end();
  });

  it('does nothing to a database that is ahead of the release', async () => {
    project.release('1', { [a]: table('a'), [b]: table('b') });
    await upgrade([a, b]);
    await expect(upgrade([a, c], undefined, { at: { try: 2 } })).rejects.toMatchObject(
      failing(`does not know what the database has: ${b}`),
    );
    expect(await tables()).toEqual(['a', 'b']);
  });

  it('fails when the applied set is not the wanted one although the tool was content', async () => {
    project.release('1', { [a]: table('a') });
    await expect(upgrade([a, b])).rejects.toMatchObject(failing(`${b} not applied`));
  });

  it('works in a folder of the checkout', async () => {
    const sequelize = { directory: 'server' };
    write(project.directory, {
      'server/config/config.js': `module.exports = { production: { use_env_variable: 'DATABASE_URL', dialect: 'postgres' } };`,
    });
    write(project.directory, { [`server/migrations/${a}`]: table('a') });
    const release = project.release('1', {});
    const step = project.step({ sequelize });
    symlinkSync(tool.modules, join(project.directory, 'server/node_modules'));
    expect(await adapter().known(step, release)).toEqual([a]);
    await adapter().upgrade(step, project.directory, [a]);
    expect(await applied()).toEqual([a]);
  });
});

describe('a rehearsal', () => {
  it('migrates the copy and not the live database', async () => {
    const copy = await freshDatabase();
    project.release('1', { [a]: table('a') });
    const { step } = await upgrade([a], copy.ownerUrl);
    expect([await applied(copy.ownerUrl), await applied(), step.changes]).toEqual([[a], [], []]);
    expect([await tables(copy.ownerUrl), await tables()]).toEqual([['a'], []]);
    await copy.drop();
  });

  it('is refused when the tool takes its database from elsewhere, before it touches the live one', async () => {
    const copy = await freshDatabase();
    const fixed = `process.env.FIXED = ${JSON.stringify(project.database.ownerUrl)};`;
    const config = `module.exports = { production: { use_env_variable: 'FIXED', dialect: 'postgres' } };`;
    write(project.directory, { 'config/config.js': fixed + config });
    project.release('1', { [a]: table('a') });
    await expect(upgrade([a], copy.ownerUrl)).rejects.toMatchObject({ type: 'DataRefused' });
    expect([await tables(), await tables(copy.ownerUrl)]).toEqual([[], []]);
    await copy.drop();
  });

  it('needs the url as a variable', async () => {
    project.release('1', { [a]: table('a') });
    const url = project.database.ownerUrl;
    await expect(upgrade([a], url, { url })).rejects.toMatchObject({ type: 'BadDefinition' });
  });
});

describe('downgrade', () => {
  it('takes back what is not wanted, by name and newest first, and nothing else', async () => {
    const order = (name: string) => `await q.sequelize.query("INSERT INTO undone (name) VALUES ('${name}')");`;
    const first = migration(`await q.sequelize.query('CREATE TABLE undone (id serial, name text)');`, order('a'));
    // Older by its name than what was applied before it: an undo without a name would take back c.
    project.release('1', { [a]: first, [c]: table('c') });
    await upgrade([a, c]);
    const late = '20260102-z.js';
    project.release('2', {
      [a]: first,
      [b]: migration('', order('b')),
      [late]: migration('', order('z')),
      [c]: table('c'),
    });
    await upgrade([a, b, late, c], undefined, { at: { try: 2 } });
    expect((await downgrade([a, c])).data).toEqual({ undone: [late, b] });
    expect([await applied(), await tables()]).toEqual([
      [a, c],
      ['c', 'undone'],
    ]);
    expect((await downgrade([a, c], { try: 2 })).note).toBe('nothing was to undo');
  });

  it('undoes nothing when the wanted set cannot be reached or the code does not have a migration', async () => {
    project.release('1', { [a]: table('a'), [b]: table('b') });
    await upgrade([a, b]);
    await expect(downgrade([a, c])).rejects.toMatchObject(failing(`${c} not applied`));
    rmSync(join(project.directory, 'migrations', b));
    await expect(downgrade([a])).rejects.toMatchObject(failing(`does not have ${b}`));
    expect(await applied()).toEqual([a, b]);
  });

  it('that fails names the migration', async () => {
    project.release('1', { [a]: table('a'), [b]: migration('', `throw new Error('one way');`) });
    await upgrade([a, b]);
    await expect(downgrade([a])).rejects.toMatchObject(failing(`the undo of ${b} failed`));
    expect(await applied()).toEqual([a, b]);
  });
});

describe('preflight', () => {
  const check = async () => (await adapter().preflight(project.step(), project.directory))[0];

  it('asks the tool where it will run, and writes nothing into an empty database', async () => {
    project.release('1', { [a]: table('a') });
    expect(await check()).toMatchObject({ outcome: 'pass', seen: '6.6.3' });
    const client = new pg.Client({ connectionString: project.database.ownerUrl });
    await client.connect();
    expect((await client.query(`SELECT FROM pg_tables WHERE tablename = 'SequelizeMeta'`)).rowCount).toBe(0);
    await client.end();
    await upgrade([a]);
    project.release('2', { [a]: table('a'), [b]: table('b') });
    expect(await check()).toMatchObject({ outcome: 'pass', seen: '1 applied, 1 pending' });
  });

  it('fails for a tool that the install left out, and says why that may be', async () => {
    rmSync(join(project.directory, 'node_modules'));
    expect(await check()).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('npm ci --omit=dev') as string,
    });
  });

  it('fails for a configuration that does not load, and for migrations that are kept elsewhere', async () => {
    project.release('1', { [a]: table('a') });
    await upgrade([a]);
    write(project.directory, {
      [`db/changes/${b}`]: table('b'),
      '.sequelizerc': `module.exports = { 'migrations-path': 'db/changes' };`,
    });
    expect(await check()).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining(`finds ${b} outside migrations`) as string,
    });
    write(project.directory, { '.sequelizerc': '', 'config/config.js': 'throw new Error("no config")' });
    expect(await check()).toMatchObject({ outcome: 'fail' });
  });
});

it('shows its commands, every undo by name', () => {
  const { definition } = project.step({ sequelize: { directory: 'server', guard: { ALLOW: '$GUARD' } } });
  expect(adapter().commands(definition).upgrade).toEqual([
    'cd server && ALLOW="$GUARD" node_modules/.bin/sequelize-cli db:migrate',
  ]);
  expect(adapter().commands(project.step().definition).downgrade([a, b])).toEqual([
    `node_modules/.bin/sequelize-cli db:migrate:undo --name ${b}`,
    `node_modules/.bin/sequelize-cli db:migrate:undo --name ${a}`,
  ]);
});

it('is undefined without migrations', () => {
  expect(migrationTool(definitionOf('/srv'))).toBeUndefined();
});
