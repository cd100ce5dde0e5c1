import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkEffects, heldEffects, noteEffects } from '../../src/activities/effect-rows.js';
import { effectCommands, startEffects, stopEffects } from '../../src/activities/effects.js';
import type { StepContext } from '../../src/activities/context.js';
import type { At, Definition, Effect } from '../../src/model.js';
import { makeShop } from './data/postgres/shop.js';
import { makeApp } from './data/sqlite/app.js';

const release = { version: '2.0.0', sha: '0'.repeat(40) };
const pending = 'SELECT id, "to" FROM outbox WHERE sent IS NULL ORDER BY id';

/** A store with an outbox, and what its own rows and errors look like. */
interface Outbox {
  context: StepContext;
  databases: Definition['databases'];
  sql(script: string): unknown;
  row(id: number, to: string): string;
  missing: string;
  close(): unknown;
}

const kinds: Record<string, () => Promise<Outbox>> = {
  PostgreSQL: async () => {
    const shop = await makeShop();
    const postgres = { url: '$SHOP_URL', backup_url: '$SHOP_BACKUP_URL', admin_url: '$SHOP_ADMIN_URL' };
    return {
      ...shop,
      databases: { shop: { postgres } },
      row: (id, to) => `{"id": ${id}, "to": "${to}"}`,
      missing: 'relation "nowhere" does not exist',
    };
  },
  SQLite: async () => {
    const app = await makeApp();
    return {
      ...app,
      databases: app.context.definition.databases,
      row: (id, to) => JSON.stringify({ id, to }),
      missing: 'no such table: nowhere',
    };
  },
};

describe.each(Object.keys(kinds))('what acts on the outside world, by what waits in %s', (kind) => {
  let box: Outbox;
  beforeAll(async () => {
    box = await kinds[kind]!();
    await box.sql(`CREATE TABLE outbox (id int PRIMARY KEY, "to" text, sent text)`);
  });
  afterAll(() => box.close());

  /** A step of a run of its own. */
  const step = (run: string, effects: Record<string, Effect>): StepContext => {
    const { context, databases } = box;
    return { ...context, folder: join(context.folder, run), definition: { ...context.definition, databases, effects } };
  };
  const made = async (context: StepContext) => {
    await mkdir(context.folder, { recursive: true });
    return context;
  };
  const fill = async (rows: string) => box.sql(`DELETE FROM outbox; INSERT INTO outbox VALUES ${rows}`);

  it('asks nobody where no data was put back', async () => {
    const context = await made(step('kept', { outbox: { services: ['jobs'], sql: pending } }));
    expect(await heldEffects(context)).toMatchObject({ asks: false });
  });

  it('shows what the replaced data held, and what would act a second time, whatever a later attempt reads', async () => {
    const context = await made(
      step('back', { outbox: { start: [], stop: [], sql: pending }, mail: { start: [], stop: [] } }),
    );
    await fill(`(1, 'ann', 'yes'), (2, 'bob', NULL), (3, 'cy', NULL)`);
    await noteEffects(context);
    await fill(`(1, 'ann', NULL), (2, 'bob', NULL)`);
    await noteEffects(context);
    const held = await heldEffects(context);
    expect(held).toMatchObject({
      asks: true,
      lines: [
        `outbox, only in what was replaced: ${box.row(3, 'cy')}`,
        `outbox, only in the data that is back, so it may act a second time: ${box.row(1, 'ann')}`,
        'mail: no query says what waits to leave',
      ],
    });
    await fill(`(2, 'bob', NULL), (3, 'cy', NULL)`);
    expect(await heldEffects(context)).toMatchObject({
      lines: ['outbox: the same 2 rows as in what was replaced', 'mail: no query says what waits to leave'],
    });
    expect((await heldEffects(context)).hash).not.toBe(held.hash);
  });

  it('tells what cannot be read, without hindering anybody from putting data back', async () => {
    const context = await made(step('unread', { outbox: { services: ['jobs'], sql: 'SELECT id FROM nowhere' } }));
    await noteEffects(context);
    expect((await heldEffects(context)).lines.join()).toContain('outbox, in what was replaced: it cannot be read: ');
    expect((await heldEffects(context)).lines.join()).toContain(box.missing);
    expect(await checkEffects(context)).toMatchObject([{ outcome: 'fail', must: 'warn' }]);
    expect(await checkEffects(step('unread', { outbox: { services: ['jobs'], sql: pending } }))).toMatchObject([
      { outcome: 'pass', seen: '2 rows' },
    ]);
  });

  it('is turned by commands of its own, once in a step, with its variables', async () => {
    const { context } = box;
    const ledger = join(context.folder, 'ledger');
    const say = (word: string) => ['sh', '-c', `echo ${word} \${SHOP_URL:+with its URL} >>'${ledger}'`];
    const effects = { mail: { start: say('start'), stop: say('stop') } };
    const run = (at: Partial<At>) => ({
      ...context,
      at: { ...context.at, ...at },
      definition: { ...context.definition, effects },
    });
    await stopEffects(run({ step: 'stop' }));
    await stopEffects(run({ step: 'stop' }));
    expect(await startEffects(run({ step: 'effects' }), release)).toEqual({ note: 'mail: start command ended well' });
    const variables = kind === 'PostgreSQL' ? 'with its URL' : '';
    expect(await readFile(ledger, 'utf8')).toBe(`stop ${variables}\nstart ${variables}\n`.replaceAll(' \n', '\n'));
    expect(effectCommands(run({}).definition, 'stop')).toEqual([expect.stringContaining('echo stop')]);
  });
});
