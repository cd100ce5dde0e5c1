import { fail } from '../errors.js';
import { hashOf } from '../lib/files.js';
import type { Choice, Revisions, StepResult } from '../model.js';
import type { StandbyRecord, Store } from './data/contract.js';
import { stores } from './data/lookup.js';
import { findWhole } from './data/stored-file.js';
import { bookkeeping } from './migrations/applied.js';
import { migratedStore } from './migrations/tool-settings.js';
import { aheadToKeep, fits, keepAhead } from './keep-ahead.js';
import { noteEffects } from './effect-rows.js';
import { findManifest } from './keeping/manifest.js';
import { backupFolder } from './keeping/places.js';
import {
  readCounters,
  readMade,
  readReplacement,
  readStandby,
  undoBegun,
  writeReplacement,
  type MadeByChecks,
} from './records.js';
import { deploysSince, entryOf, releases } from './releases.js';
import { swapAll } from './recovery-point.js';
import { reopenStores } from './reopen.js';
import { refuseOtherPlaces } from './targets.js';
import { appliedRevisions, isEmpty, knownRevisions, listed, missing, sameSets } from './revisions.js';
import type { Step } from './step.js';
import { mayHaveChanged, wasOpen } from './touched.js';
import { undoMigrations } from './undo-migrations.js';

/** Where data can come back from: the run whose release is being left, and what it kept. */
interface Point {
  run: string;
  /** Applied revisions to return to. */
  revisions: Revisions;
  /** Of every store, or of none: where one is gone all come from the proven backup, since a row and the upload that it names belong together. */
  standby: StandbyRecord[];
  takenAt: string | null;
  /** The backup's moment, while the release before still served: what was written from then until it stopped is lost, too, and nobody counted it. */
  earlier: boolean;
}

/** Decides from revisions, never from guesses, what becomes of the data: keep, keep ahead, undo, or put back; and whether a person has to agree. */
export async function choose(context: Step): Promise<Choice> {
  await reopenStores(context);
  const point = await findPoint(context);
  const now = await appliedRevisions(context);
  const target = context.run.kind === 'rollback' ? context.run.version : context.run.previous;
  const runs = target === null || (await fits(context, target, now));
  if (stores(context.definition).length === 0)
    return decided({ decision: 'keep', reason: 'there is no database', loss: {}, drops: [], asks: false });
  if (sameSets(now, point.revisions) && runs && !mayHaveChanged(context)) {
    return decided({
      decision: 'keep',
      reason: `the applied revisions are those that ${target?.version ?? 'nothing'} left; what was written since stays`,
      loss: {},
      drops: [],
      asks: false,
    });
  }
  const ahead = await aheadToKeep(context, now);
  if (ahead) {
    return decided({
      decision: 'keep-ahead',
      reason: `${context.run.version.version} on a database that stays ahead by ${listed(ahead)}, which was declared compatible; to put the data back instead, reject, and set rollback.prefer: restore`,
      to: listed(now),
      loss: {},
      drops: [],
      asks: true,
    });
  }
  const checks = aside(await madeByChecks(context));
  const counted = await findLoss(context);
  const extra = missing(now, point.revisions);
  const undoes =
    context.definition.rollback.prefer === 'undo' && isEmpty(missing(point.revisions, now)) && !isEmpty(extra);
  if (undoes && !(await mayBeHalfMade(context, now))) {
    return decided({
      decision: 'undo',
      reason: `undo ${listed(extra)}, by name, with the code that made them${checks}`,
      to: listed(point.revisions),
      loss: counted,
      drops: await dropsOf(context, point, Object.values(extra).flat()),
      asks: needsPerson(context, counted),
    });
  }
  // Before anything is stopped; later the restore itself looks.
  if (context.at.step === 'rollback' && !context.at.undo) await refuseUnusable(context, point);
  const from = point.takenAt ?? 'the backup';
  const loss = point.earlier ? null : counted;
  const gone = point.earlier
    ? '; the copy of the moment when nothing wrote is gone: from the backup before it, so that what was written until the stop is lost, too'
    : '';
  return decided({
    decision: 'put-back',
    reason: `the data of ${from}, from before ${context.run.kind === 'rollback' ? context.run.previous?.version : context.run.version.version}${gone}${checks}`,
    to: from,
    loss,
    drops: [],
    asks: point.earlier || needsPerson(context, loss),
  });
}

/** Does what was chosen, after seeing once more that it still is what people saw; claims success only from the revisions afterwards. */
export async function putBack(context: Step, choice: Choice): Promise<StepResult> {
  const point = await findPoint(context);
  if (['put-back', 'undo'].includes(choice.decision)) await noteEffects(context);
  if (choice.decision === 'put-back') {
    const replacement = (await readReplacement(context.folder)) ?? (await prepare(context, point, choice));
    await swapAll(context, stores(context.definition), replacement);
  } else if (choice.decision === 'undo') {
    // One that is adopted has changed already what is looked at.
    if (!undoBegun(context.folder)) {
      await refuseGrown(context, choice);
      await refuseOtherPlaces(context);
    }
    await undoMigrations(context, point.revisions);
  }
  const wanted = choice.decision === 'keep-ahead' ? await keepAhead(context, choice) : point.revisions;
  const now = await appliedRevisions(context);
  if (!sameSets(now, wanted))
    throw fail('MigrationFailed', `the database is at ${listed(now)}, but ${listed(wanted)} was wanted`);
  return { note: `${choice.decision}: ${choice.reason}`, data: { choice, revisions: now } };
}

/** Rows of what migration tools keep for themselves are no loss. */
const noLoss = new Set(bookkeeping.flatMap((table) => [table, `public.${table}`]));

async function findLoss(context: Step): Promise<Choice['loss']> {
  const folder = context.run.kind === 'rollback' ? releaseFolder(context) : context.folder;
  const since = folder === undefined ? undefined : await readCounters(folder);
  const made = (await madeByChecks(context))?.rows ?? {};
  const loss: Record<string, number> = {};
  for (const store of stores(context.definition)) {
    const written = since?.[store.name] ? await store.written(context, since[store.name] ?? null) : null;
    if (written === null) return null;
    for (const [table, rows] of Object.entries(written))
      if (!noLoss.has(table)) loss[`${store.name}.${table}`] = rows - (made[`${store.name}.${table}`] ?? 0);
  }
  return Object.fromEntries(Object.entries(loss).filter(([, rows]) => rows > 0));
}

/** Tables and columns that are there since the recovery point; where its copy is gone, what made them. */
async function dropsOf(context: Step, point: Point, extra: string[]): Promise<string[]> {
  const store = migratedStore(context.definition);
  const copy = point.standby.find((one) => one.store === store?.name);
  if (!store?.changes || !copy || !(await store.has(context, copy))) return extra.map((one) => `all that ${one} made`);
  const changes = await store.changes(context, copy, 'catalog');
  return changes.flatMap((line) => /^new ((?:column|(?:foreign )?table|materialized view) .*)/.exec(line)?.[1] ?? []);
}

/** What a migration or an undo left that did not come to its end has no name to take it back by. */
async function mayBeHalfMade(context: Step, now: Revisions): Promise<boolean> {
  const { at, run } = context;
  if (undoBegun(context.folder, at.try)) return true;
  return run.kind === 'deploy' && !isEmpty(missing(await knownRevisions(context, run.version), now));
}

async function madeByChecks(context: Step): Promise<MadeByChecks | undefined> {
  const folder = context.run.kind === 'rollback' ? releaseFolder(context) : context.folder;
  return folder === undefined ? undefined : readMade(folder);
}

/** What people have to know of the rows that checks wrote. */
function aside(made: MadeByChecks | undefined): string {
  if (!made) return '';
  const names = made.checks.join(', ');
  if (!made.rows) return `; which rows are those of the checks ${names} is unknown, so they count`;
  const rows = Object.entries(made.rows).map(([table, count]) => `${table}: ${count}`);
  return rows.length === 0
    ? ''
    : `; not counted is what was written before users came in, as by the checks ${names} (${rows.join(', ')})`;
}

/** After open a person always agrees, unless it is proven that no row was written; before it, policy says. */
function needsPerson(context: Step, loss: Choice['loss']): boolean {
  const lossless = loss !== null && Object.keys(loss).length === 0;
  const { restore } = context.definition.rollback;
  if (restore === 'ask') return true;
  if (lossless) return false;
  return restore !== 'always' || wasOpen(context);
}

function releaseFolder(context: Step): string | undefined {
  return context.run.previous?.run === undefined ? undefined : context.folderOf(context.run.previous.run);
}

async function findPoint(context: Step): Promise<Point> {
  const { run, folder, home } = context;
  if (run.kind !== 'rollback') return pointOf(context, run.id, folder, context.pinned.before);
  const { entries } = await releases(home);
  const [left] = deploysSince(entries, run.version);
  if (!left)
    throw fail('BackupUnusable', `no run left ${run.version.version} behind: there is no data of it to go back to`);
  const manifest = await findManifest(context, left.run);
  const revisions = manifest?.revisions ?? entryOf(entries, run.version)?.revisions ?? {};
  return pointOf(context, left.run, context.folderOf(left.run), revisions);
}

async function pointOf(context: Step, run: string, folder: string, revisions: Revisions): Promise<Point> {
  const copies = (await readStandby(folder)) ?? [];
  const copiedAt = copies[0]?.takenAt ?? null;
  // What was chosen once stays so: its copies are used up by the swap.
  const chosen = (await readReplacement(context.folder))?.[0]?.takenAt;
  const whole = chosen === undefined ? await haveAll(context, copies) : chosen === copiedAt;
  const takenAt = chosen ?? (whole ? copiedAt : ((await findManifest(context, run))?.takenAt ?? null));
  return { run, revisions, standby: whole ? copies : [], takenAt, earlier: !whole };
}

async function haveAll(context: Step, copies: StandbyRecord[]): Promise<boolean> {
  for (const store of stores(context.definition)) {
    const copy = copies.find((one) => one.store === store.name);
    if (!copy || !(await store.has(context, copy))) return false;
  }
  return true;
}

/** Notes what takes the place of each store, restored from the proven backup where the copies are gone, before anything is swapped. */
async function prepare(context: Step, point: Point, choice: Choice): Promise<StandbyRecord[]> {
  await refuseGrown(context, choice);
  await refuseOtherPlaces(context);
  const all = stores(context.definition);
  // One alone is looked at by its own restore.
  if (all.length > 1) await refuseUnusable(context, point);
  const replacement: StandbyRecord[] = [];
  for (const store of all) {
    const copy = point.standby.find((one) => one.store === store.name);
    const record = copy && !copy.backup ? copy : await restored(context, store, point);
    replacement.push({ ...record, takenAt: point.takenAt ?? record.takenAt, live: await store.live(context) });
  }
  await writeReplacement(context.folder, replacement);
  return replacement;
}

/** Where there are no copies, there must be a proven backup whose file is the one that was written. */
async function refuseUnusable(context: Step, point: Point): Promise<void> {
  for (const store of stores(context.definition)) {
    const copy = point.standby.find((one) => one.store === store.name);
    if (copy && !copy.backup) continue;
    const { folder, stored } = await backupOf(context, store, point);
    await findWhole(context, folder, stored);
  }
}

/** The one that stands for the copy, else the one that was proven before the stop. */
async function backupOf(context: Step, store: Store, point: Point) {
  const standing = point.standby.find((one) => one.store === store.name)?.backup;
  if (standing) return standing;
  const manifest = await findManifest(context, point.run);
  const stored = manifest?.stores.find((one) => one.store === store.name);
  if (!stored || !manifest?.proven)
    throw fail('BackupUnusable', `neither a copy nor a proven backup of ${store.name} from run ${point.run} is left`);
  return { folder: backupFolder(context, point.run), stored };
}

async function restored(context: Step, store: Store, point: Point): Promise<StandbyRecord> {
  const { folder, stored } = await backupOf(context, store, point);
  context.progress(`restoring ${store.name} from ${folder}`);
  return store.restore(context, folder, stored);
}

/** People agreed to a certain act and a certain loss: where it is another one, or its loss has grown since, they are asked again. */
async function refuseGrown(context: Step, choice: Choice): Promise<void> {
  const again = await choose(context);
  if (again.decision !== choice.decision || again.to !== choice.to)
    throw fail(
      'DataRefused',
      `it was to ${choice.decision} (${choice.reason}), and is to ${again.decision} now (${again.reason}); retry to see it`,
    );
  if (again.hash !== choice.hash && again.asks)
    throw fail(
      'DataRefused',
      `what would be lost has changed since it was shown: ${JSON.stringify(again.loss)}; retry to see it`,
    );
}

function decided(choice: Omit<Choice, 'hash'>): Choice {
  return { ...choice, hash: hashOf({ decision: choice.decision, to: choice.to ?? null, loss: choice.loss }) };
}
