import { migratesItself } from './migrates-itself.js';
import type { Change, Check, Definition, Kind, Plan, PlanStep, Release, StepName, When } from '../model.js';
import { effectsOf } from './effects.js';

/** What `plan` needs to know of the host; gathered by the activity `resolve`, so that making a plan is pure. */
export interface PlanFacts {
  kind: Kind;
  version: Release;
  previous: Release | null;
  change: Change;
  pending: Record<string, string[]>;
  /** Of the pending ones. */
  outsideTransaction: string[];
  unbuilt: string[];
  warnings: string[];
  /** Why the migrations cannot be tried on a copy. */
  noRehearsal?: string | undefined;
  /** Seconds that the copy of all stores takes, by their size. */
  copySeconds: number;
  definitionHash: string;
  hash: (value: unknown) => string;
  commands: {
    fetch: string[];
    switch: string[];
    switchBack: string[];
    stop: string[];
    start: string[];
    open: string[];
    close: string[];
    stopEffects: string[];
    startEffects: string[];
    backup: string[];
    prove: string[];
    standby: string[];
    swapIn: string[];
    upgrade: string[];
    rehearse: string[];
  };
}

/** The steps of a run with their exact commands, secrets as $NAME, and what takes each back. Pure. */
export function makePlan(definition: Definition, facts: PlanFacts): Plan {
  const steps = stepsOf[facts.kind](definition, facts);
  const plan = {
    environment: definition.environment,
    kind: facts.kind,
    version: facts.version,
    previous: facts.previous,
    change: facts.change,
    steps,
    pending: facts.pending,
    unbuilt: facts.unbuilt,
    definition: facts.definitionHash,
  };
  return { ...plan, downtime: downtime(facts, steps), warnings: facts.warnings, hash: facts.hash(plan) };
}

const stepsOf: Record<Kind, (definition: Definition, facts: PlanFacts) => PlanStep[]> = {
  deploy: deploySteps,
  rollback: rollbackSteps,
  adopt: adoptSteps,
  recover: () => [],
  backup: (definition, facts) => [backupStep(definition, facts, 'a backup, proven by a restore')],
  rehearse: (definition, facts) => [
    step(
      'rehearse',
      'the latest backup, restored into scratch and looked at',
      facts.commands.prove,
      [],
      noData(definition),
    ),
  ],
};

/** Whether a part of the definition applies to this version and change. */
export function applies(when: When | undefined, change: Change): boolean {
  return !when?.change || when.change.includes(change);
}

function deploySteps(definition: Definition, facts: PlanFacts): PlanStep[] {
  const { commands } = facts;
  // A rollback may keep the database ahead only of what the version before was tried on.
  const mayStay = facts.change === 'compatible' && definition.rollback.prefer === 'keep';
  const rehearses = definition.rehearsal
    ? applies(definition.rehearsal.when, facts.change)
    : facts.change === 'breaking' || mayStay;
  const data = noData(definition);
  const back = facts.previous ? facts.previous.version : 'nothing';
  return [
    checkStep('preflight', definition.preflight, 'what must hold before anything changes', !facts.previous),
    gateStep(definition, 'go', 'people agree to this plan'),
    step(
      'window',
      definition.window ? `waits until ${definition.window.opens}` : 'maintenance window',
      [],
      [],
      definition.window ? undefined : 'the definition names no window',
    ),
    step('fetch', `${facts.version.version} beside the running version`, commands.fetch),
    backupStep(definition, facts, 'a backup, proven by a restore'),
    step('rehearse', 'the migrations on a copy of the backup', commands.rehearse, [], rehearsalSkip(rehearses, facts)),
    change(
      'stop',
      `${back} stops`,
      [...commands.stopEffects, ...commands.stop],
      facts.previous
        ? [...commands.start, ...commands.open, ...commands.startEffects]
        : ['nothing: nothing ran before'],
    ),
    change('standby', 'a copy of the data, ready to be swapped in', commands.standby, [], data),
    change('switch', `the code of ${facts.version.version}`, commands.switch, commands.switchBack),
    change('migrate', migrateTitle(definition, facts), commands.upgrade, commands.swapIn),
    change(
      'start',
      definition.runtime.open === 'at_start'
        ? `${facts.version.version}, open to users`
        : `${facts.version.version}, closed to users`,
      commands.start,
      commands.stop,
    ),
    checkStep('verify', definition.verify, 'the new version, by using its data'),
    openStep(definition, commands),
    effectsStep(definition, commands),
    step(
      'watch',
      `verify goes on for ${Math.round(definition.watchMs / 1000)} s`,
      [],
      [],
      definition.watchMs > 0 ? undefined : 'the definition names no watch',
    ),
    gateStep(definition, 'sign-off', 'people accept the release'),
  ];
}

function rollbackSteps(definition: Definition, facts: PlanFacts): PlanStep[] {
  const { commands } = facts;
  const data = noData(definition);
  const left = facts.previous?.version ?? 'nothing';
  return [
    checkStep('preflight', {}, 'the code and data of the version we go back to'),
    gateStep(definition, 'rollback', 'people agree to what becomes of the data'),
    step('fetch', `${facts.version.version} and ${left} beside the running version`, commands.fetch),
    backupStep(definition, facts, `the state of ${left}, proven by a restore`),
    change(
      'stop',
      `${left} stops`,
      [...commands.stopEffects, ...commands.stop],
      [...commands.start, ...commands.open, ...commands.startEffects],
    ),
    change('standby', `a copy of the data of ${left}`, commands.standby, [], data),
    change('data', 'kept, undone or put back, as was decided', commands.swapIn, commands.swapIn, data),
    change('switch', `the code of ${facts.version.version}`, commands.switch, commands.switchBack),
    change('start', facts.version.version, commands.start, commands.stop),
    checkStep('verify', definition.verify, `${facts.version.version}, by its own checks`),
    openStep(definition, commands),
    effectsStep(definition, commands),
  ];
}

function adoptSteps(definition: Definition, facts: PlanFacts): PlanStep[] {
  return [
    checkStep('preflight', {}, 'what runs, and the rights on it'),
    backupStep(definition, facts, 'a backup, proven by a restore'),
  ];
}

function openStep({ runtime }: Definition, { open, close }: PlanFacts['commands']): PlanStep {
  const skip = runtime.open === 'at_start' ? 'there is no closed start: users are in since `start`' : undefined;
  return change('open', 'lets users in', open, close, skip);
}

function effectsStep(definition: Definition, { startEffects, stopEffects }: PlanFacts['commands']): PlanStep {
  const names = effectsOf(definition).map(([name]) => name);
  const title = `${names.join(', ')}; after data was put back only when a person says so`;
  const skip = names.length > 0 ? undefined : 'the definition names no effects';
  return change('effects', skip ? 'what acts on the outside world' : title, startEffects, stopEffects, skip);
}

function backupStep(definition: Definition, { commands }: PlanFacts, title: string): PlanStep {
  return step('backup', title, [...commands.backup, ...commands.prove], [], noData(definition));
}

function noData({ databases, files }: Definition): string | undefined {
  const some = Object.keys(databases).length > 0 || (files?.keep ?? []).length > 0;
  return some ? undefined : 'there is no database';
}

function step(name: StepName, title: string, commands: string[], undo: string[] = [], skip?: string): PlanStep {
  return { name, is: 'step', title, commands, undo, changes: false, ...(skip === undefined ? {} : { skip }) };
}

function change(name: StepName, title: string, commands: string[], undo: string[], skip?: string): PlanStep {
  return { ...step(name, title, commands, undo, skip), changes: true };
}

/** `first`: nothing was released yet, so services may not run that a check would be asked in. */
function checkStep(
  name: 'preflight' | 'verify',
  checks: Record<string, Check>,
  title: string,
  first = false,
): PlanStep {
  const unless = (check: Check) => (first && check.in !== undefined ? `, where ${check.in} runs already` : '');
  return {
    name,
    is: 'check',
    title,
    commands: Object.entries(checks).map(([label, check]) => `${label}: ${describe(check)}${unless(check)}`),
    undo: [],
    changes: false,
  };
}

function gateStep(definition: Definition, name: 'go' | 'sign-off' | 'rollback', title: string): PlanStep {
  const gate = definition.gates[name];
  const who = gate?.roles
    ? `by ${gate.roles.join(' or ')}${gate.four_eyes ? ', not by who started it' : ''}`
    : 'by anyone';
  return {
    name,
    is: 'gate',
    title: gate ? `${title}, ${who}` : title,
    commands: [],
    undo: [],
    changes: false,
    ...(gate ? {} : { skip: 'the definition has no such gate' }),
  };
}

function describe(check: Check): string {
  if (check.ask) return `ask ${check.role ?? 'anyone'}: ${check.ask}`;
  const kind =
    ['http', 'flow', 'command', 'env', 'file', 'sql', 'tls', 'search', 'backup', 'logs', 'metrics'].find(
      (name) => check[name] !== undefined,
    ) ?? '?';
  return `${kind} ${shown(check[kind])}`;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return Object.keys(value ?? {}).join(' ');
  return value
    .map((item: unknown) => (typeof item === 'string' ? item : String((item as { http?: string }).http)))
    .join(' ');
}

function rehearsalSkip(rehearses: boolean, facts: PlanFacts): string | undefined {
  if (pendingCount(facts.pending) === 0) return 'no migration is pending';
  if (!rehearses) return `the change is ${facts.change}`;
  return facts.noRehearsal;
}

function migrateTitle(definition: Definition, { pending, outsideTransaction: half }: PlanFacts): string {
  const title = `${pendingTitle(pending)}${half.length > 0 ? `; outside a transaction: ${half.join(', ')}` : ''}`;
  return migratesItself(definition) && pendingCount(pending) > 0 ? `${title}; applied when it starts` : title;
}

function pendingCount(pending: Record<string, string[]>): number {
  return Object.values(pending).flat().length;
}

function migrations(pending: Record<string, string[]>): string {
  const count = pendingCount(pending);
  return count === 1 ? '1 migration' : `${count} migrations`;
}

function pendingTitle(pending: Record<string, string[]>): string {
  const count = pendingCount(pending);
  return count === 0 ? 'no migration is pending' : `${count} pending: ${Object.values(pending).flat().join(', ')}`;
}

function downtime(facts: PlanFacts, steps: PlanStep[]): string {
  if (!steps.some((one) => one.name === 'stop')) return 'none';
  if (!facts.previous) return 'none: nothing runs yet';
  return `about ${Math.ceil(facts.copySeconds + 5)} s: stop, copy (${facts.copySeconds.toFixed(1)} s), ${migrations(facts.pending)}, start, checks`;
}
