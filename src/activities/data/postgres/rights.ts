import type { CheckResult } from '../../../model.js';
import { unasked } from '../../context.js';
import { atDatabase } from './address.js';
import { asAdmin } from './admin.js';
import { close, connect, explained, query, type Session } from './connect.js';
import {
  commentStatement,
  createEmpty,
  dropOwn,
  grantStatements,
  settingStatements,
  systemIdentifier,
  type DatabaseShape,
} from './databases.js';
import type { Link } from './link.js';
import { quoteName, sideName } from './names.js';
import { attempt } from './preflight.js';
import { endSessions, forbidConnections } from './sessions.js';
import { liveDatabase } from './standby.js';

/** Does on a scratch pair all that a copy and a swap will do. What depends on a right that is missing is not tried. */
export async function tryRights(link: Link): Promise<CheckResult[]> {
  const of = link.admin.database;
  const [first, second] = [sideName(of, 'c', link.run), sideName(of, 'd', link.run)];
  return asAdmin(link, first, async (session) => {
    const live = await liveDatabase(session, of);
    const results: CheckResult[] = [];
    try {
      for (const name of [first, second]) await dropOwn(session, name);
      for (const [name, expected, act] of rights(link, session, live, first, second)) {
        const failed = await attempt(() =>
          act().catch((error: unknown) => Promise.reject(explained(error, link.admin) as Error)),
        );
        results.push(unasked(`${link.store}: ${name}`, failed === undefined, expected, failed ?? 'done on scratch'));
        if (failed !== undefined) break;
      }
      return results;
    } finally {
      for (const name of [first, second]) await dropOwn(session, name);
    }
  });
}

function rights(
  link: Link,
  session: Session,
  live: DatabaseShape,
  first: string,
  second: string,
): [string, string, () => Promise<unknown>][] {
  const run = (statements: string[]) =>
    statements.reduce<Promise<unknown>>((before, sql) => before.then(() => query(session, sql)), Promise.resolve());
  const { user } = link.admin;
  return [
    ['server identity', `${user} may call pg_control_system()`, () => systemIdentifier(session)],
    [
      'create',
      `${user} has CREATEDB and is a member of ${live.owner}, whose rights it inherits`,
      async () => {
        await refuseUninherited(session, live.owner);
        await createEmpty(session, first, live);
      },
    ],
    ['end sessions', `${user} is a member of pg_signal_backend`, () => endOne(link, session, first)],
    [
      'copy',
      `${user} may copy a database of ${live.owner}`,
      // By the server's own strategy: to copy files it would write out all it holds at once, for a right that is the same.
      () =>
        query(
          session,
          `CREATE DATABASE ${quoteName(second)} TEMPLATE ${quoteName(first)} OWNER ${quoteName(live.owner)} ALLOW_CONNECTIONS false`,
        ),
    ],
    [
      'carry over',
      `${user} may repeat the database's grants and settings, and is a member of the roles that have settings in it`,
      () =>
        run([
          ...grantStatements(second, live),
          ...settingStatements(second, live),
          commentStatement(second, 'scratch'),
        ]),
    ],
    [
      'rename',
      `${user} may rename both in one transaction`,
      () =>
        run([
          'BEGIN',
          `ALTER DATABASE ${quoteName(first)} RENAME TO ${quoteName(sideName(link.admin.database, 'c', link.run, 'renamed'))}`,
          `ALTER DATABASE ${quoteName(second)} RENAME TO ${quoteName(first)}`,
          `ALTER DATABASE ${quoteName(first)} ALLOW_CONNECTIONS true`,
          // Taken back, so that both names stay ones that are known and dropped.
          'ROLLBACK',
        ]),
    ],
  ];
}

/** A member may make a database for the owner; one that does not inherit its rights could neither change nor drop it again. */
async function refuseUninherited(session: Session, owner: string): Promise<void> {
  const [found] = await query<{ what: string }>(
    session,
    `SELECT current_user || ' does not inherit the rights of ' || $1 AS what
     WHERE pg_has_role($1, 'MEMBER') AND NOT pg_has_role($1, 'USAGE')`,
    [owner],
  );
  if (found) throw new Error(found.what);
}

async function endOne(link: Link, session: Session, name: string): Promise<void> {
  const application = await connect(atDatabase(link.app, name), link.run);
  try {
    const { oid } = await liveDatabase(session, name);
    await forbidConnections(session, name);
    await endSessions(session, oid);
  } finally {
    await close(application);
  }
}
