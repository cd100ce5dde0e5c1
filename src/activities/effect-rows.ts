import { join } from 'node:path';
import { effectsOf } from '../definition/effects.js';
import { rootMessage } from '../errors.js';
import { hashOf, readJson, writeAtomic } from '../lib/files.js';
import type { CheckResult, Held } from '../model.js';
import { unasked, type StepContext } from './context.js';
import { stores } from './data/lookup.js';

/** Rows that wait to leave, by effect; a text where they cannot be read. */
type Rows = Record<string, string[] | string>;
interface Before {
  /** The step that put data back. */
  of: string;
  rows: Rows;
}

const shown = 20;
/** As many as a store gives. */
const most = 500;

/** Noted before data is put back, once in a step: what a later attempt reads may be the restored data already. */
export async function noteEffects(context: StepContext): Promise<void> {
  const path = join(context.folder, 'effects-before.json');
  const of = `${context.at.undo ? 'undo-' : ''}${context.at.step}`;
  if (effectsOf(context.definition).length === 0 || (await readJson<Before>(path))?.of === of) return;
  await writeAtomic(path, JSON.stringify({ of, rows: await waiting(context) }));
}

/** Whether data was put back in this run, and what the replaced data held that the present does not. */
export async function heldEffects(context: StepContext): Promise<Held> {
  const before = await readJson<Before>(join(context.folder, 'effects-before.json'));
  if (!before) return { asks: false, lines: [], hash: '' };
  const now = await waiting(context);
  const lines = effectsOf(context.definition).flatMap(([name]) => compared(name, before.rows[name], now[name]));
  return { asks: true, lines, hash: hashOf(lines) };
}

/** Each query is tried before people need it. A table may come with this very release, so it is no NO-GO. */
export async function checkEffects(context: StepContext): Promise<CheckResult[]> {
  const rows = await waiting(context);
  return effectsOf(context.definition).flatMap(([name, { sql }]) => {
    const seen = rows[name];
    if (sql === undefined || seen === undefined) return [];
    const where = context.definition.positions[`effects.${name}`];
    const told = typeof seen === 'string' ? seen : `${seen.length} rows`;
    return [{ ...unasked(`effects: ${name}`, typeof seen !== 'string', `rows of ${sql}`, told, where), must: 'warn' }];
  });
}

async function waiting(context: StepContext): Promise<Rows> {
  const all = stores(context.definition);
  const rows: Rows = {};
  for (const [name, { sql, database }] of effectsOf(context.definition)) {
    if (sql === undefined) continue;
    const store = all.find((one) => one.name === (database ?? all[0]?.name));
    rows[name] = store
      ? await store.rows(context, sql).catch((error: unknown) => `it cannot be read: ${rootMessage(error)}`)
      : 'there is no database to ask';
  }
  return rows;
}

/** The same row may be there more than once. */
function compared(name: string, before: string[] | string | undefined, now: string[] | string | undefined): string[] {
  if (before === undefined || now === undefined) return [`${name}: no query says what waits to leave`];
  if (typeof before === 'string') return [`${name}, in what was replaced: ${before}`];
  if (typeof now === 'string') return [`${name}, now: ${now}`];
  const gone = without(before, now);
  const back = without(now, before);
  const cut = before.length >= most || now.length >= most ? [`${name}: only the first ${most} rows were compared`] : [];
  if (gone.length + back.length === 0) return [`${name}: the same ${now.length} rows as in what was replaced`, ...cut];
  return [
    ...few(gone).map((row) => `${name}, only in what was replaced: ${row}`),
    ...few(back).map((row) => `${name}, only in the data that is back, so it may act a second time: ${row}`),
    ...cut,
  ];
}

function without(rows: string[], others: string[]): string[] {
  const left = [...others];
  return rows.filter((row) => {
    const at = left.indexOf(row);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function few(rows: string[]): string[] {
  return rows.length > shown ? [...rows.slice(0, shown), `and ${rows.length - shown} more`] : rows;
}
