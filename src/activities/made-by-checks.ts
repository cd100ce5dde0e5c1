import { rootMessage } from '../errors.js';
import { stores } from './data/lookup.js';
import { begun, readCounters, readMade, writeMade, type MadeByChecks } from './records.js';
import type { Step } from './step.js';

/**
 * Runs checks that change something, and notes the rows that were written by then: as long as the system is closed no user wrote one, so they
 * are no loss. Where users are in, whose rows are whose is unknown, and all count.
 */
export async function countingMade(context: Step, names: string[], run: () => Promise<void>): Promise<void> {
  const noted = await readMade(context.folder);
  const before = await lastWrites(context);
  await run();
  if (noted && !noted.rows) return;
  await writeMade(context.folder, { checks: names, rows: await rowsSince(context, noted?.rows ?? {}, before) });
}

/** Servers tell what was written late, which would prolong the downtime also where a check is only refused: first a look whether anything was. */
async function rowsSince(
  context: Step,
  noted: Record<string, number>,
  before: string | undefined,
): Promise<MadeByChecks['rows']> {
  if (!isClosed(context)) return null;
  return before !== undefined && before === (await lastWrites(context)) ? noted : rowsWritten(context);
}

/** Undefined where a store cannot tell: a check's verdict must not depend on this. */
async function lastWrites(context: Step): Promise<string | undefined> {
  const marks = await Promise.all(
    stores(context.definition).map(async (store) => store.lastWrite?.(context).catch(() => undefined)),
  );
  return marks.includes(undefined) ? undefined : marks.join(' ');
}

function isClosed(context: Step): boolean {
  return context.definition.runtime.open !== 'at_start' && !begun(context, 'open');
}

async function rowsWritten(context: Step): Promise<Record<string, number> | null> {
  const since = await readCounters(context.folder);
  const rows: Record<string, number> = {};
  for (const store of stores(context.definition)) {
    // A check's verdict must not depend on this: what cannot be counted is unknown.
    const written = await store.written(context, since?.[store.name] ?? null).catch(async (error: unknown) => {
      await context.record('made', 'note', { text: `rows of checks cannot be counted: ${rootMessage(error)}` });
      return null;
    });
    if (!written) return null;
    for (const [table, count] of Object.entries(written)) rows[`${store.name}.${table}`] = count;
  }
  return rows;
}
