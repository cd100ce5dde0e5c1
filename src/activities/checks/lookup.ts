import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import { runBackupCheck } from './backup.js';
import { COMMAND_WITHIN_MS, runCommandCheck } from './command.js';
import type { RunCheck } from './contract.js';
import { runEnvCheck } from './env.js';
import { runFileCheck } from './file.js';
import { FLOW_WITHIN_MS, runFlowCheck } from './flow.js';
import { holdMs, HTTP_WITHIN_MS, runHttpCheck } from './http.js';
import { METRICS_WITHIN_MS, runMetricsCheck } from './metrics.js';
import { runSqlCheck, SQL_WITHIN_MS } from './sql.js';
import { runTlsCheck, TLS_WITHIN_MS } from './tls.js';

export interface CheckKind {
  /** Absent for `ask`, which a person answers. */
  run?: RunCheck;
  /** @default for `within`, in ms */
  withinMs: number;
  /** What may stand beside the kind and what all kinds share. */
  options: string[];
}

/** By the word in YAML. `command` comes before `env`, which is one of its options. */
export const kinds: Record<string, CheckKind> = {
  http: {
    run: runHttpCheck,
    withinMs: HTTP_WITHIN_MS,
    options: ['headers', 'body', 'basic', 'bearer', 'ca', 'address', 'until', 'hold', 'repeat', 'assets'],
  },
  flow: { run: runFlowCheck, withinMs: FLOW_WITHIN_MS, options: ['finally'] },
  command: { run: runCommandCheck, withinMs: COMMAND_WITHIN_MS, options: ['env', 'in'] },
  env: { run: runEnvCheck, withinMs: 10_000, options: [] },
  file: { run: runFileCheck, withinMs: 10_000, options: [] },
  sql: { run: runSqlCheck, withinMs: SQL_WITHIN_MS, options: ['as', 'set', 'database'] },
  ask: { withinMs: 10_000, options: [] },
  tls: { run: runTlsCheck, withinMs: TLS_WITHIN_MS, options: ['ca', 'address'] },
  backup: { run: runBackupCheck, withinMs: 10_000, options: [] },
  metrics: { run: runMetricsCheck, withinMs: METRICS_WITHIN_MS, options: ['basic', 'bearer'] },
};
const shared = ['must', 'level', 'when', 'role', 'changes', 'within', 'withinMs', 'expect'];
const later = ['search', 'logs'];

/** What uses up a limit that others meet, too: it runs when all others have ended, and alone. */
export function runsLast(check: Check): boolean {
  return check.repeat !== undefined;
}

/**
 * The kind of a check, by its key, with the check's own deadline. Throws NotBuilt for kinds and options that are not there yet, Usage for
 * no kind at all.
 */
export function lookUpKind(check: Check): CheckKind & { name: string } {
  const name = Object.keys(kinds).find((kind) => check[kind] !== undefined);
  const [missing] = unbuiltIn(check);
  if (missing)
    throw fail(
      'NotBuilt',
      `${missing} cannot be run by this version of Slipway: take it out of the definition, or put it to a person with \`ask\``,
    );
  if (!name) throw fail('Usage', `a check needs one of ${Object.keys(kinds).join(', ')}`);
  const kind = kinds[name] as CheckKind;
  return { name, ...kind, withinMs: check.withinMs ?? kind.withinMs + holdMs(check) };
}

/** What of a check this version of Slipway cannot run, in words for `plan`; empty where all is built. */
export function unbuiltIn(check: Check): string[] {
  const name = Object.keys(kinds).find((kind) => check[kind] !== undefined);
  const set = Object.keys(check).filter((key) => check[key] !== undefined);
  if (!name) return set.filter((key) => later.includes(key)).map((key) => `check kind ${key}`);
  const known = [name, ...shared, ...(kinds[name]?.options ?? [])];
  const unknown = set.filter((key) => !known.includes(key)).map((key) => `option ${key} of ${name} checks`);
  const polled = (check.flow ?? []).some((step) => 'until' in step && step.until !== undefined)
    ? ['option until of flow steps']
    : [];
  return [...unknown, ...polled];
}
