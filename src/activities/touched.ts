import { migrationTool } from './migrations/lookup.js';
import { begun } from './records.js';
import { mayHaveMigrated } from './revisions.js';
import type { Step } from './step.js';

/**
 * Whether this release may have changed the data, though the revisions look the same: by its migrations, or, where no tool tells, by its code from
 * the start on. Once users write, that alone is no reason any more to put their data away.
 */
export function mayHaveChanged(context: Step): boolean {
  if (mayHaveMigrated(context)) return true;
  return migrationTool(context.definition) === undefined && begun(context, 'start') && !wasOpen(context);
}

export function wasOpen(context: Step): boolean {
  if (context.run.kind === 'rollback') return true;
  return begun(context, context.definition.runtime.open === 'at_start' ? 'start' : 'open');
}
