import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import { runBackupCheck } from './backup.js';
import { COMMAND_WITHIN_MS, runCommandCheck } from './command.js';
import type { RunCheck } from './contract.js';
import { runEnvCheck } from './env.js';
import { runFileCheck } from './file.js';
import { FLOW_WITHIN_MS, runFlowCheck } from './flow.js';
import { holdMs, HTTP_WITHIN_MS, runHttpCheck } from './http.js';
import { LOGS_WITHIN_MS, runLogsCheck } from './logs.js';
import { METRICS_WITHIN_MS, runMetricsCheck } from './metrics.js';
import { runSearchCheck, SEARCH_WITHIN_MS } from './search.js';
import { runSqlCheck, SQL_WITHIN_MS } from './sql.js';
import { runTlsCheck, TLS_WITHIN_MS } from './tls.js';

export interface CheckKind {
  /** Absent for `ask`, which a person answers. */
  run?: RunCheck;
  /** @default for `within`, in ms */
  withinMs: number;
}

/** By the word in YAML. `command` comes before `env`, which is one of its options. */
const kinds: Record<string, CheckKind> = {
  http: { run: runHttpCheck, withinMs: HTTP_WITHIN_MS },
  flow: { run: runFlowCheck, withinMs: FLOW_WITHIN_MS },
  command: { run: runCommandCheck, withinMs: COMMAND_WITHIN_MS },
  env: { run: runEnvCheck, withinMs: 10_000 },
  file: { run: runFileCheck, withinMs: 10_000 },
  sql: { run: runSqlCheck, withinMs: SQL_WITHIN_MS },
  ask: { withinMs: 10_000 },
  tls: { run: runTlsCheck, withinMs: TLS_WITHIN_MS },
  backup: { run: runBackupCheck, withinMs: 10_000 },
  search: { run: runSearchCheck, withinMs: SEARCH_WITHIN_MS },
  logs: { run: runLogsCheck, withinMs: LOGS_WITHIN_MS },
  metrics: { run: runMetricsCheck, withinMs: METRICS_WITHIN_MS },
};

/** What uses up a limit that others meet, too: it runs when all others have ended, and alone. */
export function runsLast(check: Check): boolean {
  return check.repeat !== undefined;
}

/** The kind of a check, by its key, with the check's own deadline. Throws Usage for no kind at all. */
export function lookUpKind(check: Check): CheckKind & { name: string } {
  const name = Object.keys(kinds).find((kind) => check[kind] !== undefined);
  if (!name) throw fail('Usage', `a check needs one of ${Object.keys(kinds).join(', ')}`);
  const kind = kinds[name] as CheckKind;
  return { name, ...kind, withinMs: check.withinMs ?? kind.withinMs + holdMs(check) };
}
