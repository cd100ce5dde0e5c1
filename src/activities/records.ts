import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeAtomic } from '../lib/files.js';
import type { Release, Revisions, StepName } from '../model.js';
import type { StandbyRecord } from './data/contract.js';

/** What a run leaves in its folder for its own later steps, and for the runs after it. */

type Counters = Record<string, Record<string, number> | null>;

export const readStandby = (folder: string) => readJson<StandbyRecord[]>(join(folder, 'standby.json'));
export const writeStandby = (folder: string, records: StandbyRecord[]) =>
  writeAtomic(join(folder, 'standby.json'), JSON.stringify(records, null, 2));

/** Row counters by store, noted when the migrations had ended: what is written after them is what could be lost. */
export const readCounters = (folder: string) => readJson<Counters>(join(folder, 'counters.json'));
export const writeCounters = (folder: string, counters: Counters) =>
  writeAtomic(join(folder, 'counters.json'), JSON.stringify(counters));

/** Checks of this run that changed something, and the rows written until they had ended, by `store.table`; null: users were in, so it is unknown. */
export interface MadeByChecks {
  checks: string[];
  rows: Record<string, number> | null;
}
export const readMade = (folder: string) => readJson<MadeByChecks>(join(folder, 'made-by-checks.json'));
export const writeMade = (folder: string, made: MadeByChecks) =>
  writeAtomic(join(folder, 'made-by-checks.json'), JSON.stringify(made));

/** Whether the version before was proven to be stopped. */
export const noteStopped = (folder: string) => writeAtomic(join(folder, 'stopped'), '');
export const wasStopped = (folder: string) => existsSync(join(folder, 'stopped'));

/** What was put in place of the live data, written before the swap: a repeated attempt goes on with the same. */
export const readReplacement = (folder: string) => readJson<StandbyRecord[]>(join(folder, 'put-back.json'));
export const writeReplacement = (folder: string, records: StandbyRecord[]) =>
  writeAtomic(join(folder, 'put-back.json'), JSON.stringify(records, null, 2));

/** The copies of the state before an undo of migrations that failed, written before they are swapped in. */
export const readReturn = (folder: string) => readJson<StandbyRecord[]>(join(folder, 'before-undo.json'));
export const writeReturn = (folder: string, records: StandbyRecord[]) =>
  writeAtomic(join(folder, 'before-undo.json'), JSON.stringify(records, null, 2));

/** By what the database stays ahead of the release that a rollback goes to, and the release whose code knows it. */
export interface KeptAhead {
  release: Release;
  of: Release;
  revisions: Revisions;
}
export const readKeptAhead = (folder: string) => readJson<KeptAhead>(join(folder, 'kept-ahead.json'));
export const writeKeptAhead = (folder: string, kept: KeptAhead) =>
  writeAtomic(join(folder, 'kept-ahead.json'), JSON.stringify(kept, null, 2));

/** Checks of the version before that passed on the migrated copy; undefined: none was tried there. */
export const readTriedBefore = (folder: string) => readJson<string[]>(join(folder, 'tried-before.json'));
export const writeTriedBefore = (folder: string, checks: string[]) =>
  writeAtomic(join(folder, 'tried-before.json'), JSON.stringify(checks));

/** A swap, seen from the other side. */
export function reversed(record: StandbyRecord): StandbyRecord {
  return {
    ...record,
    copy: record.replaced,
    copyOid: record.live.oid,
    live: { ...record.live, oid: record.copyOid },
    replaced: record.copy,
  };
}

/** Whether a step's command was begun in this run: its folder is made before it acts. */
export function begun(context: { folder: string }, step: StepName): boolean {
  const commands = join(context.folder, 'commands');
  return existsSync(commands) && readdirSync(commands).some((name) => name.startsWith(`${step}-`));
}

/** Whether the undo of migrations by their tool was begun in this run, in a try before that one. */
export function undoBegun(folder: string, before = Infinity): boolean {
  const commands = join(folder, 'commands');
  const tries = existsSync(commands)
    ? readdirSync(commands).map((name) => /^(?:undo-migrate|data)-(\d+)-undo-/.exec(name)?.[1])
    : [];
  return tries.some((found) => found !== undefined && Number(found) < before);
}
