import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { Host } from '../../src/activities/host.js';
import { home, runFolder } from '../../src/activities/host.js';
import { pinnedPath, type Pinned } from '../../src/activities/pinned.js';
import { record } from '../../src/activities/record.js';
import { releases } from '../../src/activities/releases.js';
import { outline, runId } from '../../src/activities/resolve.js';
import { inStep, looking, type Step } from '../../src/activities/step.js';
import { writeUndoFile } from '../../src/activities/undo-file.js';
import { appendEvidence, reserveSpace } from '../../src/lib/evidence.js';
import { hashOf, writeAtomic } from '../../src/lib/files.js';
import type { Call, Definition, Ending, Plan, Recorded, Resolved, Run, StepName, StepResult } from '../../src/model.js';

/** What the bench asks of a host: the activities of a release whose steps do nothing. `inStep` and `record` are the real ones. */
export interface BenchActivities {
  resolve: () => Promise<Resolved>;
  noop: (call: Call) => Promise<StepResult>;
  /** Two tools that print `loudBytes` each, one that only looks and one that changes. */
  loud: (call: Call) => Promise<StepResult>;
  record: (call: Call, ending: Ending) => Promise<Recorded>;
  plainNoop: () => Promise<void>;
}

/** 25 such steps print a gigabyte. */
export const loudBytes = 20e6;

export function benchActivities(host: Host, environment: string, steps: StepName[]): BenchActivities {
  const definition = makeDefinition(host, environment);
  const version = { version: '2.0.0', sha: 'a'.repeat(40) };
  return {
    resolve: async () => {
      const { info } = Context.current();
      const id = runId(info.scheduledTimestampMs, info.workflowExecution?.runId ?? '');
      const { current: previous } = await releases(home(host, environment));
      const plan = makePlan(definition, version, previous, steps);
      const run: Run = {
        id,
        kind: 'deploy',
        environment,
        version,
        previous,
        change: 'none',
        plan: plan.hash,
        skipped: {},
      };
      const pinned: Pinned = { definition, plan, before: {}, live: previous, people: {}, targets: {} };
      await pin(host, run, pinned);
      return { run, by: 'bench', outline: outline(plan, pinned) };
    },
    noop: (call) => inStep(host, call, { changes: true }, async () => ({ note: 'nothing was done' })),
    loud: (call) => inStep(host, call, { changes: true }, shout),
    record: (call, ending) =>
      inStep(host, call, { changes: false, ends: true }, (step) => record(host, call, step, ending)),
    plainNoop: async () => undefined,
  };
}

/** What a build prints, with a secret in each line. */
async function shout(step: Step): Promise<StepResult> {
  const script = 'yes "step of a build with $API_KEY and nothing else that matters" | head -c "$1"';
  const argv = ['sh', '-c', script, 'sh', `${loudBytes}`];
  await step.read({ argv });
  const { log } = await step.change('shout', { argv });
  return { note: `${(log?.bytes ?? 0) / 1e6} MB`, data: { log } };
}

/** As `resolve` pins a release. A command that was begun makes `undo.md` a whole one. */
async function pin(host: Host, run: Run, pinned: Pinned): Promise<void> {
  const folder = runFolder(host, run.environment, run.id);
  mkdirSync(join(folder, 'commands', 'stop-1-stop'), { recursive: true });
  const data = { step: 'resolve', run, by: 'bench', plan: pinned.plan, before: pinned.before, live: pinned.live };
  await Promise.all([
    writeAtomic(pinnedPath(folder), JSON.stringify(pinned, null, 2)),
    reserveSpace(folder),
    appendEvidence(folder, { id: 'resolve', kind: 'run', data }),
  ]);
  await looking(host, run, pinned.definition, (context) => writeUndoFile({ ...context, pinned }));
}

/** As long as a real one: checks, positions and an environment file with secrets that every output is searched for. */
function makeDefinition(host: Host, environment: string): Definition {
  const directory = join(home(host, environment), 'live');
  mkdirSync(directory, { recursive: true });
  const secrets = ['DATABASE_PASSWORD', 'SESSION_SECRET', 'MAIL_TOKEN', 'API_KEY'].map(
    (name, index) => `${name}=${`${index}`.repeat(4)}-not-so-secret-${name}\n`,
  );
  writeFileSync(
    join(directory, '.env'),
    `PORT=8080\nNODE_ENV=production\nDATABASE_URL=postgres://app:hidden-word@127.0.0.1/app\n${secrets.join('')}`,
  );
  const verify = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [
      `check-${index}`,
      { http: `/health/${index}`, expect: { status: 200, 'json $.status': 'ok' }, withinMs: 10_000 },
    ]),
  );
  return {
    system: environment.split('/')[0] ?? environment,
    environment,
    host: 'localhost',
    directory,
    env_file: '.env',
    url: 'http://127.0.0.1:8080',
    source: { git: {} },
    runtime: {
      processes: { start: ['./start'], stop: ['./stop'], ports: [8080], env: {}, timeoutMs: 120_000 },
      open: { open: ['./open'], close: ['./close'], closed_url: 'http://127.0.0.1:8081' },
    },
    databases: {},
    backup: {},
    preflight: {},
    verify,
    gates: {},
    watchMs: 0,
    on_failure: 'rollback',
    rollback: { prefer: 'restore', restore: 'ask' },
    positions: Object.fromEntries(
      Object.keys(verify).map((name, index) => [`verify.${name}`, `systems/bench.yaml:${index + 20}`]),
    ),
  };
}

function makePlan(
  definition: Definition,
  version: Plan['version'],
  previous: Plan['previous'],
  names: StepName[],
): Plan {
  const steps = names.map((name) => ({
    name,
    is: 'step' as const,
    title: 'does nothing',
    commands: ['true'],
    undo: ['true'],
    changes: true,
  }));
  const shown = { downtime: 'none', warnings: [] };
  const content = {
    environment: definition.environment,
    kind: 'deploy' as const,
    version,
    previous,
    change: 'none' as const,
    steps,
    pending: {},
    unbuilt: [],
    definition: hashOf(definition),
  };
  return { ...content, ...shown, hash: hashOf(content) };
}
