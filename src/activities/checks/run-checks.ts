import { isDeepStrictEqual } from 'node:util';
import { rootMessage } from '../../errors.js';
import type { Check, CheckResult } from '../../model.js';
import { questionOf } from './ask.js';
import type { CheckContext } from './contract.js';
import { lookUpKind, runsLast } from './lookup.js';
import type { CheckKind } from './lookup.js';
import { onlyReads } from './request.js';
import { oneLine, showMs } from './shown.js';
import { reasonToLeaveOut } from './when.js';

/** So many at once, lest checks take all connections of a server or all processors of a host. */
const LIMITS: Record<string, number> = { sql: 8, command: 4 };
/** A check that does not keep its own deadline is given up after so much more. */
const GRACE_MS = 10_000;

/**
 * Runs all checks and reports all, in declared order: at once what only reads, then one after the other what may change something or
 * signs in, at the end what uses up a limit. Never throws: what goes wrong is a failing result. An `ask` comes back as 'skip' with its question.
 * @param onResult called as each one ends
 */
export async function runChecks(
  checks: Record<string, Check>,
  context: CheckContext,
  onResult?: (result: CheckResult) => void,
): Promise<CheckResult[]> {
  const results = new Map<string, CheckResult>();
  const run = async (name: string, check: Check) => {
    const result = await runOne(name, check, context);
    results.set(name, result);
    onResult?.(result);
  };
  const all = Object.entries(checks);
  const parallel = all.filter(([, check]) => isParallel(check));
  const limited = Object.keys(LIMITS).map((kind) => parallel.filter(([, check]) => check[kind] !== undefined));
  const free = parallel.filter(([, check]) => !Object.keys(LIMITS).some((kind) => check[kind] !== undefined));
  await Promise.all([
    ...free.map(([name, check]) => run(name, check)),
    ...limited.map((some, i) => inLanes(some, Object.values(LIMITS)[i] ?? 1, ([name, check]) => run(name, check))),
  ]);
  const alone = all.filter(([, check]) => !isParallel(check));
  for (const [name, check] of alone.filter(([, one]) => !runsLast(one))) await run(name, check);
  for (const [name, check] of alone.filter(([, one]) => runsLast(one))) await run(name, check);
  return all.map(([name]) => results.get(name) as CheckResult);
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
    const { ok, expected, seen } = await withDeadline(kind, kind.run(check, context));
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

/** What only looks may run beside others. A definition's mistake is found when the check runs. */
function isParallel(check: Check): boolean {
  if (check.changes || check.flow || runsLast(check)) return false;
  try {
    return check.http === undefined || onlyReads(check.http);
  } catch {
    return true;
  }
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
