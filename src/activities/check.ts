import { Context } from '@temporalio/activity';
import { statfs } from 'node:fs/promises';
import { applies } from '../definition/plan.js';
import { allEnded } from '../lib/all-ended.js';
import type { CheckReport, CheckResult, Definition, Release } from '../model.js';
import { checkClock } from './clock.js';
import { isFailure, unasked, type CommandRequest, type StepContext } from './context.js';
import type { CheckContext } from './checks/contract.js';
import { runsLast } from './checks/lookup.js';
import { onceIn, type OnceRecord } from './checks/once.js';
import { runChecks } from './checks/run-checks.js';
import { tellProgress } from './checks/tell-progress.js';
import { mayChange } from './checks/when.js';
import { countingMade } from './made-by-checks.js';
import { stores } from './data/lookup.js';
import { checkSums } from './data/reserve.js';
import { readRows } from './data/sqlite/read-rows.js';
import { checkEffects } from './effect-rows.js';
import { makeRunPlan } from './make-run-plan.js';
import { notYet } from './not-yet.js';
import { checkKnown } from './fetched-revisions.js';
import { migrationTool } from './migrations/lookup.js';
import { readPinned } from './pinned.js';
import { checkKeeping } from './keeping/preflight.js';
import { findManifest } from './keeping/manifest.js';
import { appliedRevisions } from './revisions.js';
import { runtime } from './runtime/lookup.js';
import { source } from './source/lookup.js';
import type { Step } from './step.js';
import { checkOwnData } from './targets.js';

/** The automatic checks of a phase, all of them; with results so far in the heartbeat. `release` brings its own expectations. */
export async function check(context: Step, release: Release | null): Promise<CheckReport> {
  const phase = context.at.step;
  const target = release ?? context.run.version;
  const definition = await expecting(context, target);
  const declared = Object.entries(
    phase === 'preflight' ? (context.run.kind === 'deploy' ? definition.preflight : {}) : definition.verify,
  );
  const applying = Object.fromEntries(declared.filter(([, one]) => applies(one.when, context.run.change)));
  const skipped = phase === 'preflight' ? await notYet(context, applying) : [];
  const due = Object.fromEntries(
    Object.entries(applying).filter(([name]) => !skipped.some((one) => one.name === name)),
  );
  const asking = { ...checkContext(context, definition, target, phase === 'watch'), once: onceHere(context) };
  const [uncalledFor, results] = await allEnded([
    phase === 'preflight' ? uncalled(context) : Promise.resolve([]),
    runChecks(due, asking, {
      ...tellProgress((line) => context.progress(line), Object.keys(due).length),
      changing: (names, run) => (phase === 'verify' ? countingMade(context, names, run) : run()),
    }),
  ]);
  refuseLeft(context);
  return {
    phase,
    results: [
      ...uncalledFor,
      ...skipped,
      ...results.filter(({ name }) => !uncalledFor.some((one) => one.name === name)),
    ],
  };
}

/** One record for all attempts of this activity; a retry that a person asks for is another activity. */
export function onceHere(context: StepContext): OnceRecord {
  const { activityId, workflowExecution } = Context.current().info;
  return onceIn(context, `${workflowExecution?.runId.slice(-6) ?? 'none'}-${activityId}`);
}

/** A worker that leaves ends what only looks: its successor looks again. */
export function refuseLeft({ interrupted, cancelled }: StepContext): void {
  if (interrupted.aborted && !cancelled.aborted) throw new Error('the worker was stopped');
}

/** Verify, again and again, until the watch is over; the first failing round ends it. */
export async function watch(context: Step): Promise<CheckReport> {
  const until = Date.now() + context.definition.watchMs;
  const watched = Object.fromEntries(
    Object.entries(context.definition.verify).filter(
      ([, one]) => !mayChange(one) && !one.ask && !runsLast(one) && applies(one.when, context.run.change),
    ),
  );
  for (let round = 1; ; round++) {
    const asking = checkContext(context, context.definition, context.run.version, true);
    const results = await runChecks(watched, asking, { waits: (line) => context.progress(line) });
    refuseLeft(context);
    const failed = results.some(isFailure);
    context.progress(`round ${round}: ${failed ? 'failed' : 'all passed'}`);
    if (failed || Date.now() >= until) return { phase: 'watch', results };
    await new Promise((wake) => setTimeout(wake, Math.min(5000, Math.max(0, until - Date.now()))));
    context.cancelled.throwIfAborted();
  }
}

/** What adapters check unasked, and whether the plan is still the one that people see. */
async function uncalled(context: Step): Promise<CheckResult[]> {
  const { definition, run } = context;
  const clock = checkClock(Context.current().info.currentAttemptScheduledTimestampMs, Date.now());
  const tool = migrationTool(definition);
  const results = await allEnded([
    source(definition).preflight(context, run.version),
    runtime(definition).preflight(context),
    tool ? tool.preflight(context, run.previous ? definition.directory : undefined) : [],
    ...stores(definition).map((store) => store.preflight(context)),
    room(context),
    checkSums(context),
    checkEffects(context),
    checkOwnData(context),
    run.kind === 'adopt' ? [] : samePlan(context),
    checkKnown(context),
    run.kind === 'rollback' ? oldBackup(context) : [],
  ]);
  return [...results.flat(), clock];
}

/** Dump, scratch, standby and replaced copy all need room at once. */
async function room(context: Step): Promise<CheckResult[]> {
  const sizes = await Promise.all(stores(context.definition).map((store) => store.size(context)));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const needed = bytes + 50e6;
  const { bavail, bsize } = await statfs(context.home);
  const free = bavail * bsize;
  return [
    unasked(
      'disk',
      free > needed,
      `${(needed / 1e6).toFixed(0)} MB free in ${context.home}`,
      `${(free / 1e6).toFixed(0)} MB free`,
    ),
    ...(await checkKeeping(context, bytes)),
  ];
}

async function samePlan(context: Step): Promise<CheckResult[]> {
  const plan = await makeRunPlan(context, await appliedRevisions(context), context.run.change);
  const same = plan.hash === context.run.plan;
  return [
    unasked(
      'plan',
      same,
      `the plan is still ${context.run.plan.slice(0, 12)}`,
      same ? 'it is' : 'it changed since this run began: something it was made from is not what it was',
    ),
  ];
}

async function oldBackup(context: Step): Promise<CheckResult[]> {
  const { previous } = context.run;
  const manifest = previous?.run ? await findManifest(context, previous.run) : undefined;
  return [
    {
      ...unasked(
        'backup-of-target',
        Boolean(manifest?.proven),
        'a proven backup from before the release we leave',
        manifest?.proven ? `${manifest.id}, proven ${manifest.proven.at}` : 'none',
      ),
      must: 'warn',
    },
  ];
}

/** The definition with the expectations of the run that brought the target here. */
export async function expecting(context: Step, target: Release): Promise<Definition> {
  if (!target.run || target.run === context.run.id) return context.definition;
  const theirs = await readPinned(context.folderOf(target.run)).catch(() => undefined);
  if (!theirs) return context.definition;
  return {
    ...context.definition,
    verify: theirs.definition.verify,
    positions: { ...context.definition.positions, ...theirs.definition.positions },
  };
}

export function checkContext(
  context: StepContext,
  definition: Definition,
  release: Release,
  opened: boolean,
): CheckContext {
  const { open } = definition.runtime;
  const now = new Date().toISOString();
  return {
    env: context.env,
    definition,
    home: context.home,
    startedIn: [context.folder, ...(release.run ? [context.folderOf(release.run)] : [])],
    signal: context.interrupted,
    read: (request) => context.read(request),
    look: (request) => context.look(request),
    sqliteRows: async (database, sql, deadlineMs, file) => {
      // Rows of users stand in no record.
      const asking = { ...context, read: (request: CommandRequest) => context.look({ ...request, deadlineMs }) };
      const store = stores(definition).find(({ name }) => name === database);
      return readRows(asking, file ?? (await store!.live(context)).name, sql);
    },
    baseUrl: open === 'at_start' || opened ? definition.url : open.closed_url,
    facts: {
      version: release.version,
      sha: release.sha,
      url: definition.url,
      domain: new URL(definition.url).hostname,
      date: now.slice(0, 10),
      timestamp: now.replace(/[-:]/g, '').replace(/\.\d+/, ''),
      run: context.run.id,
    },
  };
}
