import { isDeepStrictEqual } from 'node:util';
import { rootMessage } from '../../errors.js';
import type { Check, CheckResult } from '../../model.js';
import { questionOf } from './ask.js';
import type { CheckContext } from './contract.js';
import { awaitLimit } from './limit.js';
import { lookUpKind, runsLast } from './lookup.js';
import type { CheckKind } from './lookup.js';
import { oneLine, showMs } from './shown.js';
import { mayChange, reasonToLeaveOut } from './when.js';

/** So many at once, lest checks take all connections of a server or all processors of a host. */
const LIMITS: Record<string, number> = { sql: 8, command: 4 };
/** A check that does not keep its own deadline is given up after so much more. */
const GRACE_MS = 10_000;

/** Told as checks begin and end. */
export interface Watcher {
  began?(name: string): void;
  ended?(result: CheckResult): void;
  /** Nothing runs yet, for this reason. */
  waits?: (line: string) => void;
  /** Around those that may change something, where there are any. */
  changing?(names: string[], run: () => Promise<void>): Promise<void>;
}

/**
 * Runs all checks and reports all, in declared order: at once what only reads, then one after the other what may change something or
 * signs in, at the end what uses up a limit. Never throws for a check: what goes wrong is a failing result. What may change something is sent
 * once. An `ask` comes back as 'skip' with its question.
 */
export async function runChecks(
  checks: Record<string, Check>,
  context: CheckContext,
  watcher: Watcher = {},
): Promise<CheckResult[]> {
  const results = new Map<string, CheckResult>();
  const run = async ([name, check]: [string, Check]) => {
    watcher.began?.(name);
    const result = await runOnce(name, check, context);
    results.set(name, result);
    watcher.ended?.(result);
  };
  const inTurn = async (some: [string, Check][]) => {
    for (const one of some) await run(one);
  };
  const all = Object.entries(checks);
  const last = all.filter(([, check]) => runsLast(check));
  const rest = all.filter(([, check]) => !runsLast(check));
  await awaitLimit(Object.values(checks), context, watcher.waits);
  const parallel = rest.filter(([, check]) => isParallel(check));
  const limited = Object.keys(LIMITS).map((kind) => parallel.filter(([, check]) => check[kind] !== undefined));
  const free = parallel.filter(([, check]) => !Object.keys(LIMITS).some((kind) => check[kind] !== undefined));
  await Promise.all([...free.map(run), ...limited.map((some, i) => inLanes(some, Object.values(LIMITS)[i] ?? 1, run))]);
  const ordered = rest.filter(([, check]) => !isParallel(check));
  const changing = ordered.filter(([, check]) => mayChange(check)).map(([name]) => name);
  if (changing.length > 0 && watcher.changing) await watcher.changing(changing, () => inTurn(ordered));
  else await inTurn(ordered);
  for (const one of last) {
    await awaitLimit([one[1]], context, watcher.waits);
    await run(one);
  }
  return all.map(([name]) => results.get(name) as CheckResult);
}

/** What may change something is noted before it is sent, and never sent by an attempt that finds the note. */
async function runOnce(name: string, check: Check, context: CheckContext): Promise<CheckResult> {
  const { once } = context;
  if (!once || !mayChange(check) || context.signal.aborted || isLeftOut(check, context))
    return runOne(name, check, context);
  // A command outlives the worker, and is adopted by the next one.
  if (check.command) return runOne(name, check, { ...context, read: (request) => once.command(name, request) });
  const known = await once.begin(name);
  if (known === 'unknown') {
    return {
      name,
      must: check.must ?? 'must',
      where: whereOf(name, check, context),
      outcome: 'fail',
      expected: 'an answer',
      seen: 'its outcome is unknown: the worker ended while it ran. It may have changed something, so it was not sent again; look, then answer retry to send it anew',
      tookMs: 0,
    };
  }
  if (known !== 'first') return known;
  const result = await runOne(name, check, { ...context, signal: once.signal });
  await once.end(name, result);
  return result;
}

function isLeftOut(check: Check, context: CheckContext): boolean {
  try {
    return reasonToLeaveOut(check, context) !== undefined;
  } catch {
    return true;
  }
}

async function runOne(name: string, check: Check, context: CheckContext): Promise<CheckResult> {
  const start = performance.now();
  const base = { name, must: check.must ?? 'must', where: whereOf(name, check, context) } as const;
  const took = () => Math.round(performance.now() - start);
  try {
    const reason = reasonToLeaveOut(check, context);
    if (reason) return { ...base, outcome: 'n/a', expected: '', seen: reason, tookMs: 0 };
    const kind = lookUpKind(check);
    if (!kind.run) {
      const ask = questionOf(check, context);
      return {
        ...base,
        outcome: 'skip',
        expected: oneLine(ask.text, context),
        seen: 'a person answers',
        tookMs: 0,
        ask,
      };
    }
    const { ok, expected, seen, ask } = await withDeadline(kind, kind.run(check, context));
    if (ask && !ok) return { ...base, outcome: 'skip', expected, seen, tookMs: took(), ask };
    return { ...base, outcome: ok ? 'pass' : 'fail', expected, seen, tookMs: took() };
  } catch (error) {
    const seen = oneLine(rootMessage(error), context);
    return { ...base, outcome: 'fail', expected: 'a check that can be run', seen, tookMs: took() };
  }
}

async function withDeadline<T>(kind: CheckKind, running: Promise<T>): Promise<T> {
  const withinMs = kind.withinMs + GRACE_MS;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the check did not end within ${showMs(withinMs)} and was given up`)),
      Math.min(withinMs, 2 ** 31 - 1),
    );
  });
  return Promise.race([running, late]).finally(() => clearTimeout(timer));
}

/** What only looks may run beside others. A flow signs in. */
function isParallel(check: Check): boolean {
  return !check.flow && !mayChange(check);
}

/** Names may stand in both phases, so the check itself is looked for. */
function whereOf(name: string, check: Check, { definition }: CheckContext): string {
  const phases = (['preflight', 'verify'] as const).filter((phase) => definition[phase][name] !== undefined);
  const phase =
    phases.find((one) => definition[one][name] === check) ??
    phases.find((one) => isDeepStrictEqual(definition[one][name], check)) ??
    phases[0];
  const path = `${phase ?? 'verify'}.${name}`;
  return definition.positions[path] ?? path;
}

async function inLanes<T>(items: T[], lanes: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
