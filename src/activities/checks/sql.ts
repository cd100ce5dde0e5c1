import { fail } from '../../errors.js';
import type { Check, Database } from '../../model.js';
import { reachableUrl } from '../data/postgres/reach.js';
import type { CheckContext, Verdict } from './contract.js';
import { mismatch } from './expectation.js';
import { fill } from './facts.js';
import { describeSqlError } from './sql-error.js';
import { describe } from './matcher.js';
import type { Manner } from './matcher.js';
import { ask } from './sql-query.js';
import type { Found } from './sql-query.js';
import { askSqlite } from './sql-sqlite.js';
import { oneLine, showMs, showValue } from './shown.js';

/** @default 10 s */
export const SQL_WITHIN_MS = 10_000;

interface Expected {
  /** First column of the first row. */
  value?: unknown;
  /** How many rows. @default at least one, where no value is expected */
  rows?: unknown;
}
/**
 * One query in a transaction of its own: read-only, unless `changes`. `as` and `set` hold inside it alone. In a rehearsal it asks the
 * copy. Rows are counted as they come, never gathered, so a large table cannot fill the memory.
 */
export async function runSqlCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const expected = readExpected(check.expect);
  const { name, postgres } = databaseOf(check, context);
  const withinMs = check.withinMs ?? SQL_WITHIN_MS;
  const query = fill(check.sql ?? '', context.facts);
  const verdict = { expected: oneLine(`${query}: ${describeExpected(expected, context)}`, context) };
  const url = postgres && (await reachableUrl(context, context.rehearsal?.url ?? context.env.value(postgres.url)));
  const start = performance.now();
  try {
    const found = url
      ? await ask(url, query, check, context, withinMs)
      : await askSqlite(name, query, check, context, withinMs);
    const problems = problemsOf(found, expected, context);
    const shown =
      found.rows === 0
        ? 'no row'
        : `${showFound(found, context)}${found.rows > 1 ? ` in the first of ${found.rows} rows` : ''}`;
    const seen = `${problems.join('; ') || shown} in ${showMs(performance.now() - start)}`;
    return { ok: problems.length === 0, ...verdict, seen: oneLine(seen, context) };
  } catch (error) {
    const spent = performance.now() - start;
    const seen = context.signal.aborted
      ? 'stopped, since the run was cancelled'
      : describeSqlError(error, check, withinMs, spent);
    return { ok: false, ...verdict, seen: oneLine(seen, context) };
  }
}

type Postgres = Extract<Database, { postgres: unknown }>['postgres'];

/** The one that is named, else the first of PostgreSQL, else the first. */
function databaseOf(check: Check, { definition }: CheckContext): { name: string; postgres?: Postgres } {
  const declared = Object.entries(definition.databases);
  const wanted = check.database as string | undefined;
  const entry = wanted
    ? declared.find(([name]) => name === wanted)
    : (declared.find(([, database]) => 'postgres' in database) ?? declared[0]);
  if (!entry) {
    const names = declared.map(([name]) => name).join(', ') || 'none';
    throw fail(
      'Usage',
      wanted
        ? `database ${wanted} is not declared: there are ${names}`
        : 'a sql check needs a database: declare one in the definition',
    );
  }
  const [name, database] = entry;
  return { name, ...('postgres' in database ? { postgres: database.postgres } : {}) };
}

function readExpected(expect: unknown): Expected {
  const isMap = typeof expect === 'object' && expect !== null;
  const map = expect === undefined ? {} : isMap ? (expect as Expected) : { value: expect };
  const unknown = Object.keys(map).find((key) => key !== 'value' && key !== 'rows');
  if (unknown) throw fail('Usage', `a sql check cannot expect ${unknown}: there are value and rows`);
  return Object.keys(map).length === 0 ? { rows: { over: 0 } } : map;
}

function describeExpected({ value, rows }: Expected, scope: CheckContext): string {
  const parts = [
    value !== undefined && `value ${describe(value, { scope })}`,
    rows !== undefined && `number of rows ${describe(rows, { scope })}`,
  ];
  return parts.filter(Boolean).join(', ');
}

function problemsOf(found: Found, { value, rows }: Expected, scope: CheckContext): string[] {
  const problems: string[] = [];
  if (rows !== undefined) {
    const problem = mismatch(rows, found.rows, { scope });
    if (problem) problems.push(`number of rows ${problem}`);
  }
  if (value !== undefined) {
    const problem = found.rows === 0 ? 'there is no row' : mismatch(value, found.value, mannerOf(found, scope));
    if (problem) problems.push(found.rows === 0 ? problem : `value ${problem}`);
  }
  return problems;
}

function mannerOf(found: Found, scope: CheckContext): Manner {
  return { scope, unit: found.interval ? 'duration' : 'number' };
}

function showFound(found: Found, scope: CheckContext): string {
  return `value ${found.interval ? showMs(found.value as number) : showValue(found.value, scope)}`;
}
