import { fail } from '../errors.js';
import type { Check, CheckResult, Definition, Release } from '../model.js';
import { checkContext, expecting } from './check.js';
import { runChecks } from './checks/run-checks.js';
import { failuresIn } from './context.js';
import type { Step } from './step.js';

export interface CopyChecked {
  results: CheckResult[];
  /** Checks of verify that need more than a copy of a database. */
  notAsked: string[];
}

/**
 * What of a release's own verify asks nothing but that store, asked of a copy of it; what may change something is left out. Throws CheckFailed where
 * one that must pass does not; `where` begins that.
 */
export async function checkCopy(
  context: Step,
  copy: { store: string; url: string },
  release: Release,
  where = '',
): Promise<CopyChecked> {
  const definition = await expecting(context, release);
  const due = checksOn(definition, copy.store);
  const asking = { ...checkContext(context, definition, release, true), rehearsal: { url: copy.url } };
  const results = await runChecks(due, asking);
  const failures = failuresIn(results);
  if (failures) throw fail('CheckFailed', where + failures);
  return { results, notAsked: Object.keys(definition.verify).filter((name) => !(name in due)) };
}

/** Of those that passed. */
export function passedOn(results: CheckResult[]): string[] {
  return results.filter(({ outcome }) => outcome === 'pass').map(({ name }) => name);
}

/** Those that the definition names for a rehearsal, else all that ask the database alone. */
function checksOn(definition: Definition, store: string): Record<string, Check> {
  const named = definition.rehearsal?.checks;
  const [first] = Object.keys(definition.databases);
  return Object.fromEntries(
    Object.entries(definition.verify).filter(
      ([name, { sql, database = first }]) =>
        sql !== undefined && database === store && (!named || named.includes(name)),
    ),
  );
}
