import { mkdir } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import { isBeside } from '../beside.js';
import { loadHere } from './load-here.js';
import { loadPeople } from '../definition/people.js';
import { unbuilt } from '../definition/unbuilt.js';
import { fail } from '../errors.js';
import { allEnded } from '../lib/all-ended.js';
import { appendEvidence, reserveSpace } from '../lib/evidence.js';
import { writeAtomic } from '../lib/files.js';
import { readJournal } from '../lib/journal.js';
import type {
  AdoptInput,
  BesideInput,
  Check,
  DeployInput,
  Kind,
  Outline,
  Plan,
  Release,
  Resolved,
  RollbackStart,
  Run,
} from '../model.js';
import { findDrift } from './drift.js';
import { home, runFolder, type Host } from './host.js';
import { latestBackup, type Backup } from './keeping/latest.js';
import { makeBarePlan, makeRunPlan } from './make-run-plan.js';
import { pinnedPath, type Pinned } from './pinned.js';
import { releases } from './releases.js';
import { source } from './source/lookup.js';
import { looking } from './step.js';
import { noteTargets, targetsOf } from './targets.js';
import { writeUndoFile } from './undo-file.js';
import { appliedRevisions } from './revisions.js';

type Input = DeployInput | RollbackStart | AdoptInput | BesideInput;

/** Pins definition, version and plan of a run in a folder of its own. Throws Usage, Held, Drift, NotBuilt, NoGo, …; changes nothing live. */
export async function resolve(host: Host, { kind, input }: { kind: Kind; input: Input }): Promise<Resolved> {
  const { info } = Context.current();
  const environment = (info.workflowExecution?.workflowId ?? '').split('/').slice(0, 2).join('/');
  if (!isBeside(kind)) await refuseHeld(host, environment);
  const by = await starter(input.by);
  const made = await lookAhead(
    host,
    environment,
    kind,
    input,
    runId(info.scheduledTimestampMs, info.workflowExecution?.runId ?? ''),
  );
  const { plan, pinned, run } = made;
  if (plan.unbuilt.length > 0) throw fail('NotBuilt', `this build of Slipway cannot run: ${plan.unbuilt.join('; ')}`);
  if (kind !== 'adopt' && !isBeside(kind) && made.drift.length > 0) {
    throw fail(
      'Drift',
      `what runs is not what the history says: ${made.drift.join('; ')}. If that is right, note it: slipway adopt ${environment} --reason …`,
    );
  }
  const strangers = Object.values(pinned.definition.gates).some((gate) => gate?.four_eyes) && !(by in pinned.people);
  if (strangers)
    throw fail('NoGo', `a gate wants four eyes, and ${by}, who started this run, is nobody of people.yaml`);
  await pin(host, run, pinned, by, input.reason);
  const outlined = outline(plan, pinned);
  return { run, by, outline: { ...outlined, go: [...outlined.go, `latest backup: ${made.backup}`] } };
}

/** Everything that a plan shows, made without changing anything. */
export async function lookAhead(host: Host, environment: string, kind: Kind, input: Input, id: string) {
  const definition = await loadHere(host, environment);
  const people = await loadPeople(host.systems);
  const bare: Run = {
    id,
    kind,
    environment,
    version: { version: '', sha: '' },
    previous: null,
    change: 'none',
    plan: '',
    skipped: {},
  };
  const roles = Object.fromEntries(Object.entries(people).map(([name, person]) => [name, person.roles]));
  const parts = unbuilt(definition);
  if (parts.length > 0) {
    const run = { ...bare, version: { version: input.version ?? '', sha: '' } };
    const plan = makeBarePlan(definition, run, parts);
    return {
      plan,
      run,
      drift: [],
      backup: 'unknown',
      pinned: { definition, plan, before: {}, live: null, people: roles, targets: {} } satisfies Pinned,
    };
  }
  return looking(host, bare, definition, async (context) => {
    const { current, previous } = await releases(context.home);
    const version = await wanted(context, kind, input, { current, previous });
    const run: Run = { ...bare, version, previous: kind === 'adopt' ? null : current, change: 'none' };
    const here = { ...context, run };
    const applied = appliedRevisions(here);
    const [live, before, targets, plan] = await allEnded([
      source(definition).running(here),
      applied,
      targetsOf(here),
      applied.then((revisions) => makeRunPlan(here, revisions, (input as DeployInput).change)),
    ]);
    Object.assign(run, { change: plan.change, plan: plan.hash, skipped: skips(plan) });
    const drift = await findDrift(here, { live, before });
    const pinned: Pinned = { definition, plan, before, live, people: roles, targets };
    return { plan, pinned, run, drift, backup: describeBackup(await latestBackup(here)) };
  });
}

async function wanted(
  context: Parameters<Parameters<typeof looking>[3]>[0],
  kind: Kind,
  input: Input,
  has: { current: Release | null; previous: Release | null },
): Promise<Release> {
  const code = source(context.definition);
  if (kind === 'deploy') return code.resolve(context, (input as DeployInput).version);
  // What runs, whatever it is: the backup notes it, and nothing is done to it.
  if (isBeside(kind)) return has.current ?? (await code.running(context)) ?? { version: 'nothing', sha: '' };
  if (kind === 'adopt') {
    const live = await code.running(context);
    if (!live) throw fail('Usage', `${context.definition.directory} is no checkout: there is nothing to adopt`);
    if (input.version && (await code.resolve(context, input.version)).sha !== live.sha)
      throw fail('Usage', `${context.definition.directory} is at ${live.sha}, which is not ${input.version}`);
    return input.version ? { ...live, version: input.version } : live;
  }
  if (!has.current)
    throw fail(
      'Usage',
      `nothing was released into ${context.definition.environment} yet: there is nothing to roll back`,
    );
  if (input.version) {
    const known = (await releases(context.home)).all.find(
      (release) => release.version === input.version && release.sha !== has.current?.sha,
    );
    if (!known)
      throw fail(
        'Usage',
        `${input.version} never ran in ${context.definition.environment}: see slipway history ${context.definition.environment}`,
      );
    return known;
  }
  if (!has.previous)
    throw fail(
      'Usage',
      `${has.current.version} is the first release of ${context.definition.environment}: there is no earlier one`,
    );
  return has.previous;
}

async function refuseHeld(host: Host, environment: string): Promise<void> {
  const journal = await readJournal(home(host, environment));
  if (!journal) return;
  throw fail(
    'Held',
    `${environment} is held by run ${journal.run} (${journal.kind}), which did not end; its last step was ${journal.last.step}. Only slipway recover ${environment} may touch it`,
  );
}

async function pin(host: Host, run: Run, pinned: Pinned, by: string, reason?: string): Promise<void> {
  const folder = runFolder(host, run.environment, run.id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const data = {
    step: 'resolve',
    run,
    by,
    ...(reason ? { reason } : {}),
    plan: pinned.plan,
    before: pinned.before,
    live: pinned.live,
    targets: pinned.targets,
  };
  await Promise.all([
    writeAtomic(pinnedPath(folder), JSON.stringify(pinned, null, 2)),
    reserveSpace(folder),
    noteTargets({ home: home(host, run.environment) }, pinned.targets),
    appendEvidence(folder, { id: 'resolve', kind: 'run', data }),
  ]);
  await looking(host, run, pinned.definition, (context) => writeUndoFile({ ...context, pinned }));
}

/** Without `by` the start event's identity is noted: a claim, and no more than that. */
async function starter(by?: string): Promise<string> {
  if (by) return by;
  const { info, client } = Context.current();
  const { workflowExecution } = info;
  if (!workflowExecution) return 'unknown';
  const history = await client.workflow.getHandle(workflowExecution.workflowId, workflowExecution.runId).fetchHistory();
  return history.events?.[0]?.workflowExecutionStartedEventAttributes?.identity ?? 'unknown';
}

/** The little of plan and definition that a workflow decides by. */
export function outline(plan: Plan, { definition, people }: Pick<Pinned, 'definition' | 'people'>): Outline {
  const pending = Object.entries(plan.pending).flatMap(([database, names]) =>
    names.length > 0 ? [`pending in ${database}: ${names.join(', ')}`] : [],
  );
  return {
    hash: plan.hash,
    gates: definition.gates,
    people,
    on_failure: definition.on_failure,
    watchMs: definition.watchMs,
    window: definition.window !== undefined,
    checks: { preflight: automatic(definition.preflight), verify: automatic(definition.verify) },
    steps: plan.steps.map(({ name, is, title, changes, skip }) => ({
      name,
      is,
      title,
      changes,
      ...(skip === undefined ? {} : { skip }),
    })),
    go: [`change: ${plan.change}`, ...pending, `downtime: ${plan.downtime}`, ...plan.warnings],
  };
}

function automatic(checks: Record<string, Check>): string[] {
  return Object.keys(checks).filter((name) => !checks[name]?.ask);
}

export function skips(plan: Plan): Run['skipped'] {
  return Object.fromEntries(plan.steps.flatMap((step) => (step.skip === undefined ? [] : [[step.name, step.skip]])));
}

function describeBackup(backup: Backup | undefined): string {
  if (!backup) return 'none';
  const proof = backup.proven === null ? 'never proven' : 'proven';
  return [`of ${backup.takenAt}, ${proof}`, ...backup.copies.map((copy) => `copied to ${copy}`)].join(', ');
}

/** The same for every attempt of one `resolve`. */
export function runId(scheduledMs: number, workflowRunId: string): string {
  return `${new Date(scheduledMs).toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')}-${workflowRunId.replace(/-/g, '').slice(-6)}`;
}
