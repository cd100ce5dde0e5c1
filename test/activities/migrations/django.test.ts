import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeRunPlan } from '../../../src/activities/make-run-plan.js';
import { migrationTool } from '../../../src/activities/migrations/lookup.js';
import type { Release } from '../../../src/model.js';
import { makeDjangoProject, migration, settings, table, type DjangoProject } from './django-project.js';

let project: DjangoProject;
type Options = Parameters<DjangoProject['step']>[1];
const failing = (text: string) => ({ type: 'MigrationFailed', message: expect.stringContaining(text) as string });

function using(release: Release, options?: Options) {
  const step = project.step(release, options);
  const asked: string[] = [];
  const read = step.read.bind(step);
  step.read = (request) => {
    if (request.argv[0] === 'python3') asked.push(`${request.argv.slice(2).join(' ')}: ${request.deadlineMs}`);
    return read(request);
  };
  const tool = migrationTool(step.definition)!;
  const wanted = async () => [...new Set([...(await tool.applied(step)), ...(await tool.known(step, release))!])];
  return {
    step,
    /** Commands that changed nothing live, with their deadlines. */
    read: () => asked,
    known: async () => (await tool.known(step, release))!,
    applied: (url?: string) => tool.applied(step, url),
    upgrade: async (url?: string) => tool.upgrade(step, project.directory, await wanted(), url),
    downgrade: (to: string[]) => tool.downgradeTo(step, project.directory, to),
    preflight: async () =>
      Object.fromEntries(
        (await tool.preflight(step, project.directory)).map((one) => [one.name, [one.outcome, one.seen]]),
      ),
  };
}
const ours = (rows: string[]) => rows.filter((row) => /^(shop|blog)\./.test(row));
const first = { 'shop/0001_a': migration([], table('a')) };
const second = {
  ...first,
  'shop/0002_b': migration(['shop.0001_a'], table('b')),
  'blog/0001_x': migration(['shop.0002_b'], table('x')),
};

describe('Django on PostgreSQL', () => {
  beforeEach(async () => void (project = await makeDjangoProject('PostgreSQL')), 300_000);
  afterEach(() => project?.remove());

  it('applies what is pending with what third parties bring, and undoes by name only what this run applied', async () => {
    const one = project.release('1', first);
    expect([await using(one).known(), await using(one).applied()]).toEqual([['shop.0001_a'], []]);
    await using(one).upgrade();
    const before = await using(one).applied();
    expect([ours(before), before.includes('contenttypes.0001_initial')]).toEqual([['shop.0001_a'], true]);
    const known = await using(one).known();
    expect([...known].sort()).toEqual([...before].sort());

    const two = project.release('2', second);
    const next = using(two, { previous: one, at: { try: 2 } });
    expect(await next.preflight()).toMatchObject({
      'migration-heads': ['pass', expect.any(String)],
      'migration-tool': ['pass', expect.stringMatching(/, 2 pending/)],
    });
    expect((await next.upgrade()).note).toMatch(/^blog.0001_x, shop.0002_b applied in/);
    const back = using(two, { previous: one, at: { undo: true } });
    expect((await back.downgrade(before)).data).toEqual({ undone: ['shop.0002_b', 'blog.0001_x'] });
    expect(await back.applied()).toEqual(before);
    expect(back.step.changes).toEqual(['undo-to-blog.zero', 'undo-to-shop.0001_a']);
  });

  it('rehearses on the copy alone, asking with a short deadline, and not at all where the settings lead elsewhere', async () => {
    const one = project.release('1', first);
    const copy = await project.another();
    const here = using(one);
    await here.upgrade(copy);
    expect([ours(await here.applied(copy)), await here.applied(), here.step.changes]).toEqual([
      ['shop.0001_a'],
      [],
      [],
    ]);
    const day = 24 * 3_600_000;
    expect(here.read()).toEqual([
      'showmigrations --plan: 60000',
      `migrate --noinput: ${day}`,
      'migrate --noinput --check: 60000',
    ]);
    const fixed = project.release('2', first, settings.replace('os.environ["DATABASE_URL"]', `"${project.url}"`));
    const fresh = await project.another();
    await expect(using(fixed).upgrade(fresh)).rejects.toMatchObject({ type: 'DataRefused' });
    expect([await here.applied(fresh), await here.applied()]).toEqual([[], []]);
  });
});

describe('Django', () => {
  beforeEach(async () => void (project = await makeDjangoProject('SQLite')), 300_000);
  afterEach(() => project?.remove());

  it('that fails half-way names what is not applied; of two ends of an app preflight tells, the plan of what runs outside a transaction', async () => {
    const bad = migration(
      ['shop.0002_b'],
      `        migrations.RunSQL("SELECT 1 FROM nowhere"),`,
      '    atomic = False\n',
    );
    const one = project.release('1', { ...second, 'shop/0003_c': bad });
    const here = using(one);
    const plan = await makeRunPlan(here.step, { main: [] });
    expect(plan.steps.find(({ name }) => name === 'migrate')?.title).toMatch(
      /, shop.0002_b, shop.0003_c; outside a transaction: shop.0003_c$/,
    );
    expect(plan.warnings.join()).toContain('outside a transaction: shop.0003_c; what it changed stays');
    await expect(here.upgrade()).rejects.toMatchObject(failing('not applied: shop.0003_c;'));
    await expect(using(one).upgrade()).rejects.toMatchObject(failing('nowhere'));
    const forked = project.release('2', { ...second, 'shop/0002_c': migration(['shop.0001_a'], table('c')) });
    expect((await using(forked).preflight())['migration-heads']).toEqual([
      'fail',
      'shop.0002_b, shop.0002_c: merge them with makemigrations --merge',
    ]);
  });

  it('runs migrate where nothing is pending, and refuses a database that is ahead, with which manage.py is content', async () => {
    const two = project.release('2', second);
    await using(two).upgrade();
    const again = using(two, { at: { try: 2 } });
    expect([(await again.upgrade()).note, again.step.changes]).toEqual([
      expect.stringMatching(/^nothing was pending/),
      ['migrate'],
    ]);
    const one = project.release('1', first);
    const tool = migrationTool(project.step(one).definition)!;
    const behind = project.step(one, { previous: two, at: { try: 3 } });
    await expect(tool.upgrade(behind, project.directory, (await tool.known(behind, one))!)).rejects.toMatchObject(
      failing('does not know what the database has: shop.0002_b, blog.0001_x'),
    );
  });

  it('undoes nothing where a branch that stays would go with it', async () => {
    const merged = {
      ...first,
      'shop/0002_b': migration(['shop.0001_a'], table('b')),
      'shop/0002_c': migration(['shop.0001_a'], table('c')),
      'shop/0003_m': migration(['shop.0002_b', 'shop.0002_c']),
    };
    const release = project.release('1', merged);
    await using(release).upgrade();
    const all = await using(release).applied();
    const without = (...names: string[]) => all.filter((row) => !names.includes(row));
    const back = using(release, { at: { undo: true } });
    await expect(back.downgrade(without('shop.0002_c', 'shop.0003_m'))).rejects.toMatchObject(
      failing('no target of manage.py takes back shop.0002_c alone'),
    );
    expect([await back.applied(), back.step.changes]).toEqual([all, []]);
    await back.downgrade(without('shop.0003_m'));
    expect(ours(await back.applied()).sort()).toEqual(['shop.0001_a', 'shop.0002_b', 'shop.0002_c']);
  });

  it('counts what a squashed migration replaces as known, and names an app by its label', async () => {
    const one = project.release('1', second);
    await using(one).upgrade();
    const replaces = '    replaces = [("shop", "0001_a"), ("shop", "0002_b")]\n';
    const squashed = {
      'shop/0001_squashed_0002_b': migration([], `${table('a')}\n${table('b')}`, replaces),
      'blog/0001_x': second['blog/0001_x'],
    };
    const two = project.release('2', squashed);
    const next = using(two, { previous: one, at: { try: 2 } });
    expect(ours(await next.known())).toEqual([
      'blog.0001_x',
      'shop.0001_a',
      'shop.0001_squashed_0002_b',
      'shop.0002_b',
    ]);
    expect((await next.upgrade()).note).toMatch(/^shop.0001_squashed_0002_b applied/);
    const labelled = project.release('3', { ...first, 'shop/../apps': `class Shop:\n    label = 'store'\n` });
    expect(existsSync(join(project.directory, 'shop/apps.py'))).toBe(true);
    expect(ours(await using(labelled, { previous: two }).known())).toEqual([]);
    expect(await using(labelled, { previous: two }).known()).toContain('store.0001_a');
  });

  it('is NO-GO where the tool is missing in the very place, or reads another database', async () => {
    const one = project.release('1', first);
    await using(one).upgrade();
    const missing = using(one, { django: { runs: ['.venv/bin/python', 'manage.py'] } });
    expect((await missing.preflight())['migration-tool']?.[0]).toBe('fail');
    const other = await project.another();
    const elsewhere = using(one, { django: { guard: { DATABASE_URL: other } } });
    expect((await elsewhere.preflight())['migration-tool']).toEqual([
      'fail',
      expect.stringContaining('reads another database'),
    ]);
  });
});
