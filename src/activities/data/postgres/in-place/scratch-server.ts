import { tmpdir } from 'node:os';
import { fail, failureType, rootMessage } from '../../../../errors.js';
import type { CheckResult } from '../../../../model.js';
import { unasked, type StepContext } from '../../../context.js';
import { query, withSession, type Session } from '../connect.js';
import type { Link } from '../link.js';
import { freeBytes, megabytes } from '../room.js';
import { makesDatabases, startCluster, type Cluster } from './cluster.js';

/**
 * A throwaway server for scratch: where the live one's admin may make no database; and, if this host can have one like it, where all that a restore
 * writes would be archived, or streamed to a standby, with the rest. Otherwise undefined: scratch is made on the live one.
 */
export async function scratchServer(context: StepContext, link: Link): Promise<Cluster | undefined> {
  if (!(await makesDatabases(link))) return startCluster(context, link);
  if ((await whereWalGoes(link)) === null) return undefined;
  try {
    return await startWithRoom(context, link);
  } catch (error) {
    if (context.interrupted.aborted) throw error;
    context.progress(`no throwaway server: ${rootMessage(error)}`);
    return undefined;
  }
}

/** Lends the server where scratch may be made. */
export async function onScratchServer<T>(
  context: StepContext,
  link: Link,
  use: (link: Link) => Promise<T>,
): Promise<T> {
  const cluster = await scratchServer(context, link);
  if (!cluster) return use(link);
  try {
    return await use(cluster.link);
  } catch (error) {
    // Its server names files as they lie in its own folder.
    if (failureType(error) !== 'NoRoom') throw error;
    throw fail('NoRoom', `${rootMessage(error)} (a throwaway server in ${cluster.link.admin.host})`);
  } finally {
    await cluster.remove();
  }
}

/** Where WAL goes somewhere: whether proofs keep out of it. */
export async function checkWal(context: StepContext, link: Link): Promise<CheckResult[]> {
  const goes = (await makesDatabases(link)) ? await whereWalGoes(link) : null;
  if (goes === null) return [];
  const failed = await startWithRoom(context, link).then(
    (cluster) => cluster.remove(),
    (error: unknown) => rootMessage(error),
  );
  const expected = `proofs on a throwaway server of this host, since WAL is ${goes}`;
  const seen =
    failed === undefined ? 'it starts' : `${failed}: as much as the database holds is ${goes} with each proof`;
  return [{ ...unasked(`${link.store}: WAL of proofs`, failed === undefined, expected, seen), must: 'warn' }];
}

async function startWithRoom(context: StepContext, link: Link): Promise<Cluster> {
  await withSession(link.admin, link.run, refuseNoRoom);
  return startCluster(context, link);
}

/** Throws where the temp folder has no room for a throwaway server with the database on it. */
export async function refuseNoRoom(session: Session): Promise<void> {
  const [row] = await query<{ size: string }>(session, 'SELECT pg_database_size(current_database())::text AS size');
  const free = await freeBytes(tmpdir());
  if (free !== undefined && free < Number(row?.size) * 2) throw new Error(`${megabytes(free)} free in ${tmpdir()}`);
}

/** null: nowhere. A server inside a service has nothing like it on this host. */
async function whereWalGoes(link: Link): Promise<string | null> {
  if (link.inside) return null;
  return withSession(link.admin, link.run, async (session) => {
    const [row] = await query<{ goes: string | null }>(session, goesTo);
    return row?.goes ?? null;
  });
}

const goesTo = `
  SELECT CASE WHEN current_setting('archive_mode') <> 'off' THEN 'archived'
    WHEN EXISTS (SELECT FROM pg_stat_replication) THEN 'sent to a standby' END AS goes`;
