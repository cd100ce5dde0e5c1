import { join } from 'node:path';
import { makeFolder } from '../../../lib/files.js';
import { withLock } from '../../../lib/lock.js';
import type { StepContext } from '../../context.js';
import { close, connectBeside } from './connect.js';
import { systemIdentifier } from './databases.js';
import type { Link } from './link.js';

/**
 * One heavy act at a time for each database server, whichever environment it is for: what can wait takes turns on this host. A copy or a restore
 * within a downtime takes none.
 */
export async function inTurn<T>(context: StepContext, link: Link, act: () => Promise<T>): Promise<T> {
  const session = await connectBeside(link.admin, link.run);
  const server = await systemIdentifier(session).finally(() => close(session));
  const folder = join(context.shared, '.servers');
  await makeFolder(folder);
  const holder = `${context.run.kind} ${context.run.id} of ${context.run.environment}`;
  context.progress(`waits for its turn on ${link.admin.host}:${link.admin.port}`);
  const patience = { waitMs: 86_400_000, signal: context.interrupted };
  return withLock(join(folder, `${server}.lock`), holder, act, patience);
}
