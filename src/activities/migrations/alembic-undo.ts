import { fail } from '../../errors.js';
import { descendants, headsOf, withAncestors, type Graph } from './alembic-graph.js';

/**
 * Absolute targets whose descendants are exactly what has to go: a relative one (`-1`) takes back whatever is last, also the release
 * before's. Throws MigrationFailed where no such target exists.
 */
export function undoTargets(graph: Graph, applied: string[], wanted: string[]): string[] {
  const extra = applied.filter((one) => !wanted.includes(one));
  if (extra.length === 0) return [];
  const unknown = extra.filter((one) => !graph.has(one));
  if (unknown.length > 0)
    throw fail(
      'MigrationFailed',
      `nothing was undone, since no code here has ${unknown.join(', ')}: put the data back`,
    );
  if (wanted.length === 0) return ['base'];
  const targets = headsOf(graph, withAncestors(graph, wanted)).filter((head) =>
    descendants(graph, head).some((one) => extra.includes(one)),
  );
  const reached = new Set(targets.flatMap((target) => descendants(graph, target)));
  const left = extra.filter((one) => !reached.has(one));
  if (left.length === 0) return targets;
  throw fail(
    'MigrationFailed',
    `nothing was undone, since no target of alembic takes back ${left.join(', ')} alone: put the data back`,
  );
}
