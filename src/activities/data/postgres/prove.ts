import type { StepResult } from '../../../model.js';
import type { StepContext } from '../../context.js';
import type { StandbyRecord, StoreBackup } from '../contract.js';
import { urlOfDatabase } from './address.js';
import { asAdmin } from './admin.js';
import { query, type Session } from './connect.js';
import { commentStatement, dropOwn, findDatabase, limitStatement, systemIdentifier } from './databases.js';
import { makesDatabases } from './in-place/cluster.js';
import { restoreInPlace } from './in-place/exchange.js';
import { onScratchServer, scratchServer } from './in-place/scratch-server.js';
import type { Link } from './link.js';
import { sideName } from './names.js';
import { makeRestored } from './restored.js';
import { clearUnfinished, liveDatabase, unusedCopy } from './standby.js';
import { tell } from './story.js';

/** Restores into scratch, compares, drops the scratch: also one that a killed attempt left. Throws BackupUnusable. */
export async function proveBackup(
  context: StepContext,
  link: Link,
  folder: string,
  backup: StoreBackup,
): Promise<StepResult> {
  return onScratchServer(context, link, (there) => proveThere(context, there, folder, backup));
}

async function proveThere(context: StepContext, link: Link, folder: string, backup: StoreBackup): Promise<StepResult> {
  // One name for all proofs of a run: an attempt that was killed is followed by another dump, which must find its scratch.
  const name = sideName(link.admin.database, 'p', link.run);
  const startedAt = performance.now();
  await asAdmin(link, name, async (session) => {
    await dropOwn(session, name);
    await restoreOrDrop(session, name, () => makeRestored(context, link, session, name, folder, backup));
    await dropOwn(session, name);
  });
  const tookMs = Math.round(performance.now() - startedAt);
  const counted = Object.values(backup.contents.tables);
  const rows = counted.reduce((sum, table) => sum + table.rows, 0);
  const note = `${backup.file} restored and found equal: ${counted.length} tables, ${rows} rows, ${(tookMs / 1000).toFixed(1)} s`;
  return { note, data: { tookMs, tables: counted.length, rows } };
}

/** A restored and verified copy that accepts connections, with the application's own login. */
export async function makeScratch(
  context: StepContext,
  link: Link,
  folder: string,
  backup: StoreBackup,
): Promise<{ url: string; drop(): Promise<void> }> {
  const cluster = await scratchServer(context, link);
  if (!cluster) return scratchAt(context, link, folder, backup);
  try {
    const { url } = await scratchAt(context, cluster.link, folder, backup);
    return { url, drop: () => cluster.remove() };
  } catch (error) {
    await cluster.remove();
    throw error;
  }
}

async function scratchAt(context: StepContext, link: Link, folder: string, backup: StoreBackup) {
  const name = sideName(link.admin.database, 't', link.run, backup.sha256);
  const drop = () => asAdmin(link, name, (session) => dropOwn(session, name));
  await asAdmin(link, name, async (session) => {
    await dropOwn(session, name);
    await restoreOrDrop(session, name, () => makeRestored(context, link, session, name, folder, backup));
  });
  return { url: urlOfDatabase(link.url, name), drop };
}

/**
 * The backup restored and verified beside the live database, as a copy that can be swapped in. A finished one is found again. Where no other
 * database may be made, it stays what it is, to be restored over the live one.
 */
export async function restoreBeside(
  context: StepContext,
  link: Link,
  folder: string,
  backup: StoreBackup,
): Promise<StandbyRecord> {
  if (!(await makesDatabases(link))) return restoreInPlace(context, link, folder, backup);
  const of = link.admin.database;
  const copy = sideName(of, 's', link.run, backup.sha256);
  return asAdmin(link, copy, async (session) => {
    const live = await liveDatabase(session, of);
    const system = await systemIdentifier(session);
    const replaced = sideName(of, 'r', link.run, backup.sha256);
    const done = await unusedCopy(session, copy);
    if (done)
      return {
        store: link.store,
        copy,
        live: { name: of, oid: live.oid, system },
        copyOid: done.oid,
        replaced,
        takenAt: done.story.at,
        counters: null,
      };
    await clearUnfinished(session, copy);
    return restoreOrDrop(session, copy, async () => {
      const shape = await makeRestored(context, link, session, copy, folder, backup, true);
      const story = { run: link.run, of, oid: live.oid, at: new Date().toISOString(), comment: shape.comment };
      await query(session, 'BEGIN');
      await query(session, `${limitStatement(copy, shape)} ALLOW_CONNECTIONS false`);
      await query(session, commentStatement(copy, tell(story)));
      await query(session, 'COMMIT');
      const made = await findDatabase(session, { name: copy });
      return {
        store: link.store,
        copy,
        live: { name: of, oid: live.oid, system },
        copyOid: made?.oid ?? '',
        replaced,
        takenAt: story.at,
        counters: null,
      };
    });
  });
}

async function restoreOrDrop<T>(session: Session, name: string, restore: () => Promise<T>): Promise<T> {
  try {
    return await restore();
  } catch (error) {
    await query(session, 'ROLLBACK').catch(() => undefined);
    // The reason counts; what cannot be dropped now is dropped by the next attempt.
    await dropOwn(session, name).catch(() => undefined);
    throw error;
  }
}
