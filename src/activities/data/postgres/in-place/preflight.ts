import { tmpdir } from 'node:os';
import type { CheckResult } from '../../../../model.js';
import { unasked, type StepContext } from '../../../context.js';
import { withSession, query, explained, type Session } from '../connect.js';
import { createEmpty, dropOwn, findDatabase, systemIdentifier } from '../databases.js';
import type { Link } from '../link.js';
import { quoteName, sideName } from '../names.js';
import { attempt } from '../preflight.js';
import { keptExtensions } from './clear.js';
import { startCluster } from './cluster.js';
import { refuseNoRoom } from './scratch-server.js';

/** Whether the content can be had back without a second database: each right and each limit is tried, on scratch or in a transaction that is rolled back. */
export async function checkInPlace(context: StepContext, link: Link): Promise<CheckResult[]> {
  const { user } = link.admin;
  const live = (act: (session: Session) => Promise<unknown>) =>
    withSession(link.admin, link.run, (session) =>
      act(session).catch((error: unknown) => Promise.reject(explained(error, link.admin) as Error)),
    );
  const tries: [name: string, expected: string, act: () => Promise<unknown>][] = [
    ['server identity', `${user} may call pg_control_system()`, () => live(systemIdentifier)],
    [
      'end sessions',
      `${user} is a member of pg_signal_backend, or of the application's role`,
      () => live((session) => refuse(session, sessions, [link.app.user])),
    ],
    [
      'restore in place',
      `${user} may make and drop what lies in the database, and change the database itself`,
      () => live((session) => tryAll(session, link)),
    ],
    [
      'locks for one transaction',
      'as many locks as one transaction needs for everything in the database: max_locks_per_transaction',
      () => live((session) => refuse(session, locks)),
    ],
    [
      'encoding',
      'UTF8: a restore in place writes as the dump is written',
      () => live((session) => refuse(session, encoding)),
    ],
    [
      "others' extensions",
      'those of another role lie in public or pg_catalog, and keep no rows of their own',
      () => live((session) => refuse(session, extensions)),
    ],
    [
      'throwaway server',
      `initdb of the server's version on this host: proofs need a server where ${user} may make databases, which it has no CREATEDB for here`,
      () => tryCluster(context, link),
    ],
    ['room for the throwaway server', `twice the database in ${tmpdir()}`, () => live(refuseNoRoom)],
  ];
  const results: CheckResult[] = [];
  for (const [name, expected, act] of tries) {
    const failed = await attempt(act);
    results.push(unasked(`${link.store}: ${name}`, failed === undefined, expected, failed ?? 'it can be done'));
  }
  return results;
}

/** A query that tells what is wrong, one row each. */
async function refuse(session: Session, sql: string, values: unknown[] = []): Promise<void> {
  const found = await query<{ what: string }>(session, sql, values);
  if (found.length > 0) throw new Error(found.map(({ what }) => what).join(', '));
}

/** Nothing of it stays, and nobody else is kept waiting. */
async function tryAll(session: Session, { admin, run }: Link): Promise<void> {
  const schema = quoteName(sideName(admin.database, 't', run));
  const database = (await findDatabase(session, { name: admin.database }))!;
  await query(session, 'BEGIN');
  try {
    for (const statement of [
      `CREATE SCHEMA ${schema} AUTHORIZATION ${quoteName(database.owner)}`,
      `CREATE TABLE ${schema}.t (x int)`,
      `ALTER TABLE ${schema}.t OWNER TO ${quoteName(database.owner)}`,
      `DROP SCHEMA ${schema} CASCADE`,
      'CREATE TABLE public.slipway_tries_its_rights (x int)',
      'DROP TABLE public.slipway_tries_its_rights',
      `ALTER DATABASE ${quoteName(admin.database)} CONNECTION LIMIT ${database.limit}`,
    ])
      await query(session, statement);
  } finally {
    await query(session, 'ROLLBACK');
  }
}

/** Starts one, and makes there what a proof makes: the roles, an empty database of the same locale. */
async function tryCluster(context: StepContext, link: Link): Promise<void> {
  const shape = await withSession(link.admin, link.run, (session) =>
    findDatabase(session, { name: link.admin.database }),
  );
  const cluster = await startCluster(context, link);
  try {
    const name = sideName(link.admin.database, 't', link.run);
    await createEmpty(cluster.superuser, name, shape!);
    await dropOwn(cluster.superuser, name);
  } finally {
    await cluster.remove();
  }
}

const sessions = `
  SELECT current_user || ' may not end sessions of ' || $1 AS what
  WHERE NOT pg_has_role('pg_signal_backend', 'USAGE') AND NOT pg_has_role($1, 'USAGE')`;

/** Each relation is locked where it is dropped and where it is made again; so is each function and type that has a name of its own. */
const locks = `
  SELECT format('room for %s locks, and %s may be needed', room, wanted) AS what FROM (
    SELECT current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) AS room,
      (SELECT count(*) FROM pg_class WHERE oid >= 16384) * 3 + (SELECT count(*) FROM pg_proc WHERE oid >= 16384) AS wanted) AS counted
  WHERE wanted > room`;

const encoding = `SELECT pg_encoding_to_char(encoding) AS what FROM pg_database WHERE datname = current_database() AND pg_encoding_to_char(encoding) <> 'UTF8'`;

const extensions = `
  SELECT format('%I in %I', name, schema) AS what FROM (${keptExtensions}) AS kept WHERE schema NOT IN ('public', 'pg_catalog') OR configured`;
