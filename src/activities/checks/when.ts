import type { Check } from '../../model.js';
import type { CheckContext } from './contract.js';
import { onlyReads } from './request.js';
import { isInRange } from './version-range.js';

/** Why a check does not apply to this run; undefined where it does. Throws Usage for a version that no range can be asked about. */
export function reasonToLeaveOut(check: Check, context: CheckContext): string | undefined {
  const { change, version } = check.when ?? {};
  if (change && context.change && !change.includes(context.change)) {
    return `only for ${change.join(' or ')} changes; this one is ${context.change}`;
  }
  if (version !== undefined && !isInRange(context.facts.version, version)) {
    return `only for versions ${version}; this one is ${context.facts.version}`;
  }
  if (context.rehearsal && mayChange(check)) return 'not done in a rehearsal: it may change data outside the copy';
  return undefined;
}

/** Whether a check may change something: any method but GET and HEAD, or what says so itself. A request that is none is told when it runs. */
export function mayChange(check: Check): boolean {
  if (check.changes) return true;
  try {
    if (check.http !== undefined) return !onlyReads(check.http);
    return [...(check.flow ?? []), ...(check.finally ?? [])].some((step) => !onlyReads(step.http));
  } catch {
    return false;
  }
}
