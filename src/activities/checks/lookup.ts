import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import { COMMAND_WITHIN_MS, runCommandCheck } from './command.js';
import type { RunCheck } from './contract.js';
import { runEnvCheck } from './env.js';
import { runFileCheck } from './file.js';
import { FLOW_WITHIN_MS, runFlowCheck } from './flow.js';
import { HTTP_WITHIN_MS, runHttpCheck } from './http.js';
import { runSqlCheck, SQL_WITHIN_MS } from './sql.js';

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
  http: { run: runHttpCheck, withinMs: HTTP_WITHIN_MS, options: ['headers', 'body', 'basic', 'bearer'] },
  flow: { run: runFlowCheck, withinMs: FLOW_WITHIN_MS, options: ['finally'] },
  command: { run: runCommandCheck, withinMs: COMMAND_WITHIN_MS, options: ['env', 'in'] },
  env: { run: runEnvCheck, withinMs: 10_000, options: [] },
  file: { run: runFileCheck, withinMs: 10_000, options: [] },
  sql: { run: runSqlCheck, withinMs: SQL_WITHIN_MS, options: ['as', 'set', 'database'] },
  ask: { withinMs: 10_000, options: [] },
};
const shared = ['must', 'level', 'when', 'role', 'changes', 'within', 'withinMs', 'expect'];
const later = ['tls', 'search', 'backup', 'logs', 'metrics'];

/** The kind of a check, by its key. Throws NotBuilt for kinds and options that are not there yet, Usage for no kind at all. */
export function lookUpKind(check: Check): CheckKind & { name: string } {
  const name = Object.keys(kinds).find((kind) => check[kind] !== undefined);
  const [missing] = unbuiltIn(check);
  if (missing)
    throw fail(
      'NotBuilt',
      `${missing} cannot be run by this version of Slipway: take it out of the definition, or put it to a person with \`ask\``,
    );
  if (!name) throw fail('Usage', `a check needs one of ${Object.keys(kinds).join(', ')}`);
  return { name, ...(kinds[name] as CheckKind) };
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
