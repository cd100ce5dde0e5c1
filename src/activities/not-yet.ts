import type { Check, CheckResult } from '../model.js';
import type { StepContext } from './context.js';
import { runningContainer } from './runtime/inside.js';

/**
 * Checks inside services that do not run yet, where nothing was ever released: there is nobody to ask, and no image of a release to ask in. One
 * that runs already, as a database beside the release may, is asked.
 */
export async function notYet(context: StepContext, checks: Record<string, Check>): Promise<CheckResult[]> {
  const { run, definition } = context;
  if (run.previous !== null) return [];
  const asking = { definition, read: (request: Parameters<StepContext['look']>[0]) => context.look(request) };
  const found: CheckResult[] = [];
  for (const [name, check] of Object.entries(checks)) {
    if (check.in === undefined || (await runningContainer(asking, check.in))) continue;
    found.push({
      name,
      outcome: 'n/a',
      must: check.must ?? 'must',
      expected: '',
      seen: `the first release: ${check.in} does not run yet, so there is nothing to ask inside`,
      where: definition.positions[`preflight.${name}`] ?? 'preflight',
      tookMs: 0,
    });
  }
  return found;
}
