import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../../errors.js';
import type { StepResult } from '../../../model.js';
import type { StandbyRecord } from '../contract.js';
import { asAdmin } from './admin.js';
import { query, type Session } from './connect.js';
import { commentStatement, findDatabase, systemIdentifier } from './databases.js';
import type { Link } from './link.js';
import { quoteName } from './names.js';
import { allowConnections, endSessions, forbidConnections, keepingOut, thenAllow } from './sessions.js';
import { finishedCopy, liveDatabase } from './standby.js';
import { tell, type Story } from './story.js';

/**
 * The copy becomes the live database, and the live one is kept under `standby.replaced`, closed to connections. Both renames and the permission
 * to connect are one transaction, so that at any moment the live name is the whole old database or the whole new one. Oids decide what
 * there is to do; a database that is neither the recorded one nor the copy is left alone with DataRefused.
 */
export async function swapIn(link: Link, standby: StandbyRecord): Promise<StepResult> {
  const name = link.admin.database;
  return asAdmin(link, name, async (session) => {
    await refuseOtherServer(session, link, standby);
    await allowConnections(session, name);
    const live = await liveDatabase(session, name);
    if (live.oid === standby.copyOid)
      return { note: `${name} is the copy of ${standby.takenAt} already; replaced: ${standby.replaced}` };
    const story = await refuseOthers(session, standby, live.oid);
    const startedAt = performance.now();
    await thenAllow(link, session, () =>
      keepingOut(link, live.oid, async () => {
        await forbidConnections(session, name);
        await rename(
          session,
          link,
          standby,
          { ...story, comment: live.comment, replacedBy: link.run, at: new Date().toISOString() },
          story.comment,
        );
      }),
    );
    const tookMs = Math.round(performance.now() - startedAt);
    return {
      note: `${name} is the copy of ${standby.takenAt}; what it replaced is kept as ${standby.replaced}`,
      data: { tookMs },
    };
  });
}

async function refuseOtherServer(session: Session, link: Link, standby: StandbyRecord): Promise<void> {
  const system = await systemIdentifier(session);
  if (system === standby.live.system && link.admin.database === standby.live.name) return;
  throw fail(
    'DataRefused',
    `${link.admin.shown} is not the database that was copied (${standby.live.name} on server ${standby.live.system}): correct admin_url`,
  );
}

async function refuseOthers(session: Session, standby: StandbyRecord, liveOid: string): Promise<Story> {
  const { live, copy, copyOid, replaced } = standby;
  if (liveOid !== live.oid)
    throw fail(
      'DataRefused',
      `${live.name} is neither the database that was copied (oid ${live.oid}) nor its copy (${copyOid}), but ${liveOid}: nothing was done`,
    );
  const found = await finishedCopy(session, copy);
  if (found?.oid !== copyOid)
    throw fail(
      'DataRefused',
      `the copy ${copy} (oid ${copyOid}) is ${found ? `now oid ${found.oid}` : 'gone or unfinished'}: restore a backup instead`,
    );
  if (await findDatabase(session, { name: replaced }))
    throw fail('DataRefused', `a database ${replaced} is there already: rename it, then try again`);
  return found.story;
}

async function rename(
  session: Session,
  link: Link,
  { live, copy, copyOid, replaced }: StandbyRecord,
  story: Story,
  comment: string | null,
): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      await endSessions(session, copyOid);
      await endSessions(session, live.oid);
      // At once: nobody has the database until this is done.
      await query(session, renameStatements(live.name, copy, replaced, tell(story), comment).join(';'));
      return;
    } catch (error) {
      await query(session, 'ROLLBACK').catch(() => undefined);
      // 55006: somebody had passed the server's check before connections were forbidden.
      if ((error as { code?: string }).code !== '55006') throw error;
      if (Date.now() > deadline)
        throw fail(
          'NotStopped',
          `${live.name} cannot be renamed: ${(error as { detail?: string }).detail ?? String(error)}`,
        );
      await sleep(50);
    }
  }
}

export function renameStatements(
  live: string,
  copy: string,
  replaced: string,
  story: string,
  comment: string | null,
): string[] {
  return [
    'BEGIN',
    `ALTER DATABASE ${quoteName(live)} RENAME TO ${quoteName(replaced)}`,
    `ALTER DATABASE ${quoteName(copy)} RENAME TO ${quoteName(live)}`,
    `ALTER DATABASE ${quoteName(live)} ALLOW_CONNECTIONS true`,
    commentStatement(replaced, story),
    commentStatement(live, comment),
    'COMMIT',
  ];
}
