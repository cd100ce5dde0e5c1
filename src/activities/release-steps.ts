import { fail } from '../errors.js';
import type { Release, StepResult } from '../model.js';
import { checkContext, expecting } from './check.js';
import { refuseOtherRevisions } from './fetched-revisions.js';
import { markLogs } from './checks/log-marks.js';
import type { StandbyRecord, Store } from './data/contract.js';
import { stores } from './data/lookup.js';
import { freeRoom } from './data/reserve.js';
import { effectsOf } from '../definition/effects.js';
import { migratesItself } from '../definition/migrates-itself.js';
import { noteEffects } from './effect-rows.js';
import { stopEffects } from './effects.js';
import { unknownTo } from './keep-ahead.js';
import type { MigrationTool } from './migrations/contract.js';
import { migrationTool } from './migrations/lookup.js';
import { noteCounters } from './note-counters.js';
import { startMigrating } from './own-migration.js';
import {
  begun,
  noteStopped,
  readReplacement,
  readReturn,
  readStandby,
  reversed,
  undoBegun,
  wasStopped,
  writeStandby,
} from './records.js';
import { swapAll } from './recovery-point.js';
import { reopenStores } from './reopen.js';
import { appliedRevisions, knownRevisions, missing, isEmpty, listed } from './revisions.js';
import { runtime } from './runtime/lookup.js';
import { otherImages } from './source/images/running.js';
import { pointTags } from './source/images/tags.js';
import { source } from './source/lookup.js';
import type { Step } from './step.js';
import { refuseOther } from './targets.js';

/** The versions that this run needs, staged: what it goes to and, for a rollback, what alone knows the newer revisions. */
export async function fetch(context: Step): Promise<StepResult> {
  const { run, definition } = context;
  const staged = await source(definition).fetch(context, run.version);
  if (run.kind === 'rollback' && run.previous) await source(definition).fetch(context, run.previous);
  await refuseOtherRevisions(context);
  const coming = await runtime(definition).coming?.(context, run.version, agreedStart(context));
  return coming === undefined ? staged : { ...staged, note: [staged.note, coming].filter(Boolean).join('; ') };
}

/** What the plan says of the start. */
function agreedStart({ pinned }: Step): string[] {
  return pinned.plan.steps.find(({ name }) => name === 'start')?.commands ?? [];
}

export async function stop(context: Step): Promise<StepResult> {
  const first =
    context.run.previous === null &&
    !context.at.undo &&
    !context.began('stop') &&
    !(await runtime(context.definition).runs(context));
  // First of all; whatever an undo stops, the undo of `effects` has stopped them before.
  const effects = !first && context.at.step === 'stop' && effectsOf(context.definition).length > 0;
  if (effects) await stopEffects(context);
  const result = first ? { note: 'nothing ran before' } : await runtime(context.definition).stop(context);
  if (context.at.step === 'stop') await noteStopped(context.folder);
  return result;
}

/** With nothing writing: one recovery point over all stores. */
export async function standby(context: Step): Promise<StepResult> {
  const began = Date.now();
  const records = [];
  for (const store of stores(context.definition)) {
    context.progress(`copying ${store.name}`);
    const record = await store.standby(context);
    refuseOther(context, store.name, record.live);
    records.push(record);
  }
  const late = await writtenSince(context, records);
  for (const { store, record } of late) {
    // Made anew by the next try: one that is not of the others' moment serves nobody.
    const copy = (await store.kept(context)).find(({ name, is }) => name === record.copy && is === 'standby');
    if (copy) await store.discard(context, copy);
  }
  refuseWritten(late);
  await writeStandby(context.folder, records);
  await freeRoom(context);
  return {
    note: `${records.map((one) => one.copy).join(', ')} in ${((Date.now() - began) / 1000).toFixed(1)} s`,
    data: { records },
  };
}

interface Written {
  store: Store;
  record: StandbyRecord;
  written: string;
}

/** Stores that somebody wrote to since they were copied. */
async function writtenSince(context: Step, records: StandbyRecord[]): Promise<Written[]> {
  const found: Written[] = [];
  for (const store of stores(context.definition)) {
    const record = records.find((one) => one.store === store.name);
    const written = record && (await store.writtenSinceCopy?.(context, record));
    if (written) found.push({ store, record, written });
  }
  return found;
}

/** Somebody who writes beside a stopped system leaves stores of two moments, and loses it where the data is put back. Throws NotStopped. */
function refuseWritten(found: Written[]): void {
  if (found.length === 0) return;
  const seen = found.map(({ store, written }) => `${store.name} (${written})`).join('; ');
  throw fail('NotStopped', `something still writes, since the data was copied: ${seen}; end it, then start anew`);
}

export async function switchCode(context: Step, release: Release | null): Promise<StepResult> {
  const target = release ?? context.pinned.live;
  if (!target) return { note: 'there was no version before: the checkout stays as it is' };
  return source(context.definition).switch(context, target);
}

/** Applies what is pending, then notes the row counters: what is written from now on is what could be lost. */
export async function migrate(context: Step): Promise<StepResult> {
  const { definition, run } = context;
  if (!begun(context, 'migrate')) refuseWritten(await writtenSince(context, (await readStandby(context.folder)) ?? []));
  const tool = migrationTool(definition);
  if (tool && migratesItself(definition)) {
    await noteCounters(context);
    return { note: `${run.version.version} migrates itself when it starts` };
  }
  const before = await appliedRevisions(context);
  const known = await knownRevisions(context, run.version);
  const result = tool ? await upgrade(context, tool, before, known) : { note: 'there is no migration tool' };
  await noteCounters(context);
  return result;
}

async function upgrade(
  context: Step,
  tool: MigrationTool,
  before: Record<string, string[]>,
  known: Record<string, string[]>,
): Promise<StepResult> {
  const name = tool.database(context.definition);
  const wanted = [...new Set([...(context.pinned.before[name] ?? before[name] ?? []), ...(known[name] ?? [])])].sort();
  return tool.upgrade(context, context.definition.directory, wanted);
}

/** Starts what the checkout holds. An older version is started only on revisions that its code knows, or that people kept it on. */
export async function start(context: Step, release: Release | null): Promise<StepResult> {
  if (!release) return { note: 'nothing ran before: the system stays stopped' };
  const neverStopped =
    context.at.undo && !wasStopped(context.folder) && (await runtime(context.definition).runs(context));
  if (neverStopped) return { note: `${release.version} was never stopped: it still runs` };
  await reopenStores(context);
  const applied = await appliedRevisions(context);
  const known = await knownRevisions(context, release);
  const unknown = await unknownTo(context, release, applied);
  if (!isEmpty(unknown))
    throw fail(
      'DataRefused',
      `the database is ahead of ${release.version}, whose code does not know ${listed(unknown)}: it is not started on it`,
    );
  const forward = context.run.kind === 'deploy' && !context.at.undo;
  if (forward && migratesItself(context.definition)) {
    const started = await startMigrating(context, release, known, () => startAs(context, release));
    // Where users are in since the start, what the migration wrote counts with what they wrote: more than was, never less.
    if (context.definition.runtime.open !== 'at_start') await noteCounters(context);
    return started;
  }
  const lacking = missing(known, applied);
  if (!isEmpty(lacking))
    throw fail(
      'DataRefused',
      `the database lacks ${listed(lacking)}, which ${release.version} needs: it is not started on it`,
    );
  return startAs(context, release);
}

/** Scripts start by tag and compose by id: the tags name the release's images before, and the containers run them afterwards. */
async function startAs(context: Step, release: Release): Promise<StepResult> {
  const definition = await expecting(context, release);
  const { undo, step, try: turn } = context.at;
  await markLogs(context.folder, `${undo ? 'undo-' : ''}${step}-${turn}`, checkContext(context, definition, release, false)); // prettier-ignore
  if (!context.definition.source.images) return runtime(context.definition).start(context, release);
  await pointTags(context, release);
  const started = await runtime(context.definition).start(context, release);
  const others = await otherImages(context, release);
  if (others.length > 0) throw fail('NotStarted', `${release.version} was started, but ${others.join('; ')}`);
  return started;
}

export async function open(context: Step): Promise<StepResult> {
  return runtime(context.definition).open(context);
}

export async function close(context: Step): Promise<StepResult> {
  return runtime(context.definition).close(context);
}

/**
 * The undo of a rollback's `data`: the very databases that were replaced come back; where migrations were being undone instead, the copy of what is
 * left behind. Nothing, where neither was begun.
 */
export async function swapIn(context: Step): Promise<StepResult> {
  const replaced = await readReplacement(context.folder);
  const returned = await readReturn(context.folder);
  const kept = undoBegun(context.folder) ? await readStandby(context.folder) : undefined;
  const records =
    replaced?.map(reversed) ?? returned ?? (await Promise.all((kept ?? []).map((record) => ready(context, record))));
  if (records.length === 0) return { note: 'the data was not touched' };
  await noteEffects(context);
  await swapAll(context, stores(context.definition), records);
  return { note: 'the data that we left is back' };
}

/** A backup that stands for a copy is restored beside the live store first. */
async function ready(context: Step, record: StandbyRecord): Promise<StandbyRecord> {
  const store = stores(context.definition).find(({ name }) => name === record.store);
  return store && record.backup ? store.restore(context, record.backup.folder, record.backup.stored) : record;
}
