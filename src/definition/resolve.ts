import type { Check, Database, Definition, Gate, Runtime } from '../model.js';
import type { CheckInput } from './check-schema.js';
import { parseDuration } from './durations.js';
import type { EnvironmentInput } from './schema.js';
import type { MapTree, Tree } from './tree.js';

/** The definition that everything else reads: short forms made long, defaults filled in, durations as milliseconds. */
export function resolveDefinition(system: string, name: string, input: EnvironmentInput, tree: MapTree): Definition {
  const { database, watch, runtime, preflight, verify, gates, backup, rollback, migrations, ...rest } = input;
  return {
    ...rest,
    system,
    environment: `${system}/${name}`,
    runtime: resolveRuntime(runtime),
    databases: resolveDatabases(database),
    ...(migrations && { migrations: mapValues(migrations, resolveTool) }),
    backup: backup ?? {},
    preflight: mapValues(preflight ?? {}, resolveCheck),
    verify: mapValues(verify ?? {}, resolveCheck),
    gates: resolveGates(gates ?? {}),
    watchMs: watch === undefined ? 0 : parseDuration(watch)!,
    on_failure: input.on_failure ?? 'ask',
    rollback: { prefer: rollback?.prefer ?? 'restore', restore: rollback?.restore ?? 'ask' },
    positions: positionsOf(tree),
  };
}

function resolveTool<T extends { lock_timeout?: string | undefined }>(tool: T | undefined) {
  if (tool?.lock_timeout === undefined) return tool;
  const { lock_timeout, ...rest } = tool;
  return { ...rest, lockTimeoutMs: parseDuration(lock_timeout)! };
}

function resolveRuntime({ processes, compose, container, open }: EnvironmentInput['runtime']): Runtime {
  if (processes) {
    const { observe, timeout, env, ...commands } = processes;
    const observeMs = observe ? { observeMs: parseDuration(observe)! } : {};
    return { open, processes: { ...commands, env: env ?? {}, timeoutMs: ms(timeout, 120_000), ...observeMs } };
  }
  const times = ({ observe, timeout }: { observe?: string | undefined; timeout?: string | undefined }) => ({
    observeMs: ms(observe, 5_000),
    timeoutMs: ms(timeout, 300_000),
  });
  if (container) {
    const { observe, timeout, ...rest } = container;
    return { open, container: { ...rest, ...times({ observe, timeout }) } };
  }
  if (!compose) return { open };
  const { observe, timeout, grace, ...rest } = compose;
  const graceMs = grace ? { graceMs: parseDuration(grace)! } : {};
  return { open, compose: { ...rest, ...times({ observe, timeout }), ...graceMs } };
}

function ms(duration: string | undefined, otherwise: number): number {
  return duration ? parseDuration(duration)! : otherwise;
}

function resolveDatabases(input: EnvironmentInput['database']): Record<string, Database> {
  if (!input) return {};
  const byName = isKind(input) ? { main: input } : (input as Record<string, DatabaseInput>);
  return mapValues(byName, (database): Database => {
    if (!database.postgres) return { sqlite: database.sqlite! } as Database;
    const { url, backup_url = url, admin_url = url } = database.postgres;
    return { postgres: { ...database.postgres, url, backup_url, admin_url } };
  });
}

interface DatabaseInput {
  postgres?: { url: string; backup_url?: string; admin_url?: string; in?: string };
  sqlite?: object;
}

function isKind(input: object): input is DatabaseInput {
  return 'postgres' in input || 'sqlite' in input;
}

function resolveGates(input: NonNullable<EnvironmentInput['gates']>): Definition['gates'] {
  const gates: Definition['gates'] = {};
  for (const [name, gate] of Object.entries(input)) {
    if (!gate || gate === 'none') continue;
    const { deadline, on_deadline = 'reject', four_eyes = false, ...rest } = gate;
    const long: Gate = { ...rest, on_deadline, four_eyes };
    if (deadline) long.deadlineMs = parseDuration(deadline)!;
    gates[name as keyof Definition['gates']] = long;
  }
  return gates;
}

function resolveCheck(input: CheckInput): Check {
  const { level, within, flow, finally: after, ...rest } = input as Record<string, unknown>;
  return {
    ...resolveExpected(rest),
    ...(flow ? { flow: (flow as Record<string, unknown>[]).map(resolveExpected) } : {}),
    ...(after ? { finally: (after as Record<string, unknown>[]).map(resolveExpected) } : {}),
    ...(level ? { must: level } : {}),
    ...(within ? { withinMs: parseDuration(within as string) } : {}),
  } as Check;
}

/** `expect: 200` is short for `expect: { status: 200 }`; of a command for `exit`, of sql for `value`. */
function resolveExpected(check: Record<string, unknown>): Record<string, unknown> {
  const word = 'http' in check ? 'status' : 'command' in check ? 'exit' : 'value';
  const long = { ...check };
  for (const key of ['expect', 'until']) {
    const expected = long[key];
    if (expected === undefined) continue;
    if (typeof expected !== 'object' || expected === null || Array.isArray(expected)) long[key] = { [word]: expected };
  }
  return long;
}

/** `verify.login` → `systems/shop.yaml:88`, for every key of every map, down to the keys of a part (`runtime.processes.start`). */
function positionsOf(tree: MapTree): Record<string, string> {
  const positions: Record<string, string> = {};
  const visit = (here: Tree, path: string, depth: number): void => {
    if (here.is !== 'map') return;
    for (const [name, below] of here.entries) {
      const own = path ? `${path}.${name}` : name;
      positions[own] = `${below.key.file}:${below.key.line}`;
      if (depth < 3) visit(below, own, depth + 1);
    }
  };
  visit(tree, '', 1);
  for (const [path, place] of Object.entries(positions)) {
    const name = /^database\.([^.]+)$/.exec(path)?.[1];
    if (name) positions[`databases.${name === 'postgres' || name === 'sqlite' ? 'main' : name}`] = place;
  }
  return positions;
}

function mapValues<T, U>(map: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value)]));
}
