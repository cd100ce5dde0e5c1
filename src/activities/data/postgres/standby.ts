import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import type { StandbyRecord } from '../contract.js';
import { asAdmin } from './admin.js';
import { close, connect, connectBeside, query, type Session } from './connect.js';
import { readCounters } from './counters.js';
import {
  commentStatement,
  dropOwn,
  findDatabase,
  grantStatements,
  serverMajor,
  settingStatements,
  shapeLines,
  systemIdentifier,
  type FoundDatabase,
} from './databases.js';
import type { Link } from './link.js';
import { quoteName, sideName } from './names.js';
import { allowConnections, endSessions, forbidConnections, keepingOut, thenAllow } from './sessions.js';
import { readStory, tell, type Story } from './story.js';

/**
 * With nothing writing: an exact copy of the live database beside it, made by the server. A finished copy of this run is found again;
 * an unfinished one is dropped and begun anew. The live database accepts connections afterwards, whatever happened.
 */
export async function makeStandby(context: StepContext, link: Link): Promise<StandbyRecord> {
  const of = link.admin.database;
  const copy = sideName(of, 's', link.run);
  const replaced = sideName(of, 'r', link.run);
  return asAdmin(link, of, async (session) => {
    await allowConnections(session, of);
    const live = await liveDatabase(session, of);
    const system = await systemIdentifier(session);
    if (await findDatabase(session, { name: replaced })) {
      throw fail(
        'DataRefused',
        `this run's copy of ${of} was swapped in already: the database that it replaced is ${replaced}`,
      );
    }
    const { oid: copyOid, story } =
      (await unusedCopy(session, copy)) ??
      (await thenAllow(link, session, () => copyDatabase(context, link, session, live, copy)));
    if (story.oid !== live.oid)
      throw fail(
        'DataRefused',
        `${copy} is a copy of another database than the one that is ${of} now: look at both, drop neither`,
      );
    return {
      store: link.store,
      copy,
      live: { name: of, oid: live.oid, system },
      copyOid,
      replaced,
      takenAt: story.at,
      counters: story.counters ?? null,
    };
  });
}

/** Whether this run has made its copy already, and it was not used. */
export async function hasStandby(link: Link): Promise<boolean> {
  const copy = sideName(link.admin.database, 's', link.run);
  return asAdmin(link, link.admin.database, async (session) => (await unusedCopy(session, copy)) !== undefined);
}

export async function finishedCopy(session: Session, name: string): Promise<{ oid: string; story: Story } | undefined> {
  const found = await findDatabase(session, { name });
  const story = readStory(found?.comment);
  return found && story ? { oid: found.oid, story } : undefined;
}

/** As `finishedCopy`, but not one that was the live database in between: after a swap was taken back, that stands under the copy's name. */
export async function unusedCopy(session: Session, name: string): Promise<{ oid: string; story: Story } | undefined> {
  const found = await finishedCopy(session, name);
  return found?.story.replacedBy === undefined ? found : undefined;
}

/** Drops what an attempt that was killed left under that name. Anything finished is data: DataRefused. */
export async function clearUnfinished(session: Session, name: string): Promise<void> {
  if (await finishedCopy(session, name))
    throw fail('DataRefused', `${name} was in use and holds data: rename it, then try again`);
  await dropOwn(session, name);
}

export async function liveIdentity(link: Link): Promise<StandbyRecord['live']> {
  const name = link.admin.database;
  const session = await connectBeside(link.admin, link.run);
  try {
    return { name, oid: (await liveDatabase(session, name)).oid, system: await systemIdentifier(session) };
  } finally {
    await close(session);
  }
}

/** Throws DataRefused where it is not there. */
export async function liveDatabase(session: Session, name: string): Promise<FoundDatabase> {
  const found = await findDatabase(session, { name });
  if (!found) throw fail('DataRefused', `there is no database ${name} on the server: look at what became of it`);
  return found;
}

async function copyDatabase(
  context: StepContext,
  link: Link,
  session: Session,
  live: FoundDatabase,
  copy: string,
): Promise<{ oid: string; story: Story }> {
  await clearUnfinished(session, copy);
  const strategy = (await serverMajor(session)) >= 15 ? 'STRATEGY FILE_COPY' : '';
  const counters = await stopUsing(link, session, live);
  const story: Story = {
    run: link.run,
    of: live.name,
    oid: live.oid,
    at: new Date().toISOString(),
    comment: live.comment,
    counters,
  };
  context.progress(`copying ${live.name} to ${copy}`);
  const create = `CREATE DATABASE ${quoteName(copy)} TEMPLATE ${quoteName(live.name)} ${strategy} OWNER ${quoteName(live.owner)}
    ALLOW_CONNECTIONS false CONNECTION LIMIT ${live.limit}`;
  await keepingOut(link, live.oid, () => query(session, create));
  await query(session, 'BEGIN');
  try {
    for (const statement of [...grantStatements(copy, live), ...settingStatements(copy, live)])
      await query(session, statement);
    const made = await liveDatabase(session, copy);
    const unlike = shapeLines({ ...live, comment: null }).filter(
      (line) => !shapeLines({ ...made, comment: null }).includes(line),
    );
    if (unlike.length > 0)
      throw fail(
        'NoRights',
        `${copy} cannot be made like ${live.name}: ${unlike.length} of its grants and settings differ`,
      );
    await query(session, commentStatement(copy, tell(story)));
    await query(session, 'COMMIT');
    return { oid: made.oid, story };
  } catch (error) {
    await query(session, 'ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** The counters are read when everybody else has gone: a session reports what it wrote when it ends. */
async function stopUsing(link: Link, session: Session, live: FoundDatabase): Promise<Record<string, number> | null> {
  const reader = await connect(link.admin, link.run);
  let counters: Record<string, number> | null;
  try {
    const [{ pid } = { pid: 0 }] = await query<{ pid: number }>(reader, 'SELECT pg_backend_pid() AS pid');
    await forbidConnections(session, live.name);
    await endSessions(session, live.oid, [pid]);
    counters = await readCounters(reader);
  } finally {
    await close(reader);
  }
  await endSessions(session, live.oid);
  return counters;
}
