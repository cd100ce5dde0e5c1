import { isBeside } from '../beside.js';
import { migratesItself } from '../definition/migrates-itself.js';
import { makePlan } from '../definition/plan.js';
import { hashOf } from '../lib/files.js';
import type { Change, Definition, Plan, Revisions, Run } from '../model.js';
import type { StepContext } from './context.js';
import { stores } from './data/lookup.js';
import { sealCommand, sealOf, suffixOf } from './data/seal.js';
import { effectCommands } from './effects.js';
import { rotated } from './keeping/rotated.js';
import { isEmpty, pendingRevisions } from './revisions.js';
import { migrationTool } from './migrations/lookup.js';
import { whyNoRehearsal } from './migrations/rehearsable.js';
import { runtime } from './runtime/lookup.js';
import { source } from './source/lookup.js';

/** A plan that can't be run yet: it names what this build lacks, and shows the steps and checks all the same. */
export function makeBarePlan(definition: Definition, run: Run, parts: string[]): Plan {
  const none = {
    fetch: [],
    switch: [],
    switchBack: [],
    stop: [],
    start: [],
    open: [],
    close: [],
    stopEffects: [],
    startEffects: [],
    backup: [],
    prove: [],
    standby: [],
    swapIn: [],
    upgrade: [],
    rehearse: [],
  };
  return makePlan(definition, {
    kind: run.kind,
    version: run.version,
    previous: null,
    change: run.change,
    pending: {},
    outsideTransaction: [],
    unbuilt: parts,
    warnings: [],
    copySeconds: 0,
    definitionHash: hashOf(definition),
    hash: hashOf,
    commands: none,
  });
}

/** The plan of a run, made from what the host sees now. */
export async function makeRunPlan(context: StepContext, before: Revisions, said?: Change): Promise<Plan> {
  const { definition, run } = context;
  const all = stores(definition);
  const [pending, resolved, standby] = await Promise.all([
    run.kind === 'adopt' || isBeside(run.kind) ? {} : pendingRevisions(context, before),
    run.kind === 'adopt' ? [] : runtime(definition).resolved(context),
    Promise.all(all.map((store) => store.downtime(context))),
  ]);
  const half = await outsideTransaction(context, pending);
  const change = said ?? (isEmpty(pending) ? 'none' : 'breaking');
  const warnings = [
    ...(said === undefined && !isEmpty(pending)
      ? ['no --change was declared, so the pending migrations count as breaking']
      : []),
    ...(half.length > 0
      ? [`outside a transaction: ${half.join(', ')}; what it changed stays where it fails, until the data is put back`]
      : []),
    ...standby.flatMap(({ note }) => (note ? [note] : [])),
    ...(run.kind === 'rollback' ? await rotated(context) : []),
  ];
  const tool = migrationTool(definition);
  const code = source(definition).commands(definition, run.version);
  const back = run.previous ? source(definition).commands(definition, run.previous).switch : [];
  const runs = runtime(definition).commands(definition);
  const data = all.map((store) => store.commands());
  const upgrade = (!isEmpty(pending) || tool?.always ? tool?.commands(definition).upgrade : undefined) ?? [];
  return makePlan(definition, {
    kind: run.kind,
    version: run.version,
    previous: run.previous,
    change,
    pending,
    outsideTransaction: half,
    unbuilt: [],
    warnings,
    noRehearsal: isEmpty(pending) ? undefined : await whyNoRehearsal(context),
    copySeconds: standby.reduce((sum, { seconds }) => sum + seconds, 0),
    definitionHash: hashOf(definition),
    hash: hashOf,
    commands: {
      ...code,
      switchBack: back,
      stop: runs.stop,
      start: [...runs.start, ...resolved],
      open: runs.open,
      close: runs.close,
      stopEffects: effectCommands(definition, 'stop'),
      startEffects: effectCommands(definition, 'start'),
      upgrade: migratesItself(definition) ? [] : upgrade,
      rehearse: upgrade.map((line) => `on the restored copy: ${line}`),
      backup: [...data.flatMap((one) => one.backup), ...sealing(definition)],
      prove: [...data.flatMap((one) => one.prove), ...copying(definition)],
      standby: data.flatMap((one) => one.standby),
      swapIn: data.flatMap((one) => one.swapIn),
    },
  });
}

async function outsideTransaction(context: StepContext, pending: Revisions): Promise<string[]> {
  const tool = migrationTool(context.definition);
  const names = Object.values(pending).flat();
  if (names.length === 0) return [];
  return (await tool?.outsideTransaction?.(context, context.run.version, names)) ?? [];
}

function sealing({ backup }: Definition): string[] {
  const sealed = sealOf(backup);
  return sealed ? [sealCommand(sealed, sealed.by, '…', `…${suffixOf(sealed)}`).join(' ')] : [];
}

function copying({ backup: { copy_to } }: Definition): string[] {
  return copy_to === undefined ? [] : [`cp … ${copy_to}, and compare the sha256 of what lies there`];
}
