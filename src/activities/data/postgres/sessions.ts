import { setTimeout as sleep } from 'node:timers/promises';
import { fail, rootMessage } from '../../../errors.js';
import { asAdmin } from './admin.js';
import { close, connectBeside, query, type Session } from './connect.js';
import type { Link } from './link.js';
import { quoteName } from './names.js';

export async function forbidConnections(session: Session, name: string): Promise<void> {
  await query(session, `ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS false`);
}

/** Whatever state an act or its killed predecessor left: the database of that name accepts connections afterwards. */
export async function allowConnections(session: Session, name: string): Promise<void> {
  const shut = 'SELECT 1 FROM pg_database WHERE datname = $1 AND NOT datallowconn';
  if ((await query(session, shut, [name])).length > 0) {
    await query(session, `ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS true`);
  }
}

/** Does the act; then, whatever came of it, the live database accepts connections again: in a session of its own where the acting one was lost. */
export async function thenAllow<T>(link: Link, session: Session, act: () => Promise<T>): Promise<T> {
  const name = link.admin.database;
  try {
    return await act();
  } finally {
    await query(session, 'ROLLBACK').catch(() => undefined);
    await allowConnections(session, name).catch(() => allowInNewSession(link, name));
  }
}

/** As every copy and swap does first: for whoever reads the live database before the next one is tried. */
export async function reopen(link: Link): Promise<void> {
  const name = link.admin.database;
  await asAdmin(link, name, (session) => allowConnections(session, name));
}

async function allowInNewSession(link: Link, name: string): Promise<void> {
  try {
    await withBeside(link, (session) => allowConnections(session, name));
  } catch (error) {
    const how = `ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS true`;
    throw fail(
      'OutcomeUnknown',
      `database ${name} may be closed to everybody: ${rootMessage(error)}; try again, or type ${how}`,
    );
  }
}

async function withBeside(link: Link, use: (session: Session) => Promise<void>): Promise<void> {
  const session = await connectBeside(link.admin, link.run);
  try {
    await use(session);
  } finally {
    await close(session);
  }
}

/** Ends every session on the database, `except` its own; returns when they have gone. Throws NotStopped after 10 s, naming who stays. */
export async function endSessions(session: Session, oid: string, except: number[] = []): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const left = await query<{ who: string }>(session, endOnce, [oid, except]);
    if (left.length === 0) return;
    if (Date.now() > deadline) {
      throw fail(
        'NotStopped',
        `sessions on the database do not end: ${left.map(({ who }) => who).join(', ')}; stop these and try again`,
      );
    }
    await sleep(5);
  }
}

/**
 * Runs `act` while a second session goes on ending what slips in: a login that had passed the server's check before
 * connections were forbidden. Renaming and copying fail while anybody is there.
 */
export async function keepingOut<T>(link: Link, oid: string, act: () => Promise<T>): Promise<T> {
  const guard = await connectBeside(link.admin, link.run);
  const done = new AbortController();
  const watch = async () => {
    while (!done.signal.aborted) {
      await query(guard, endOnce, [oid, []]).catch(() => undefined);
      await sleep(50, undefined, { signal: done.signal }).catch(() => undefined);
    }
  };
  const watching = watch();
  try {
    return await act();
  } finally {
    done.abort();
    await watching;
    await close(guard);
  }
}

/**
 * Ends nothing on a database that accepts connections: a late call must not hurt an application that runs again. Sessions without a
 * user are the server's own (autovacuum), which give way by themselves; a superuser's may be ended by superusers only.
 */
const endOnce = `
  SELECT format('%s (%s, %s, pid %s)', a.usename, coalesce(nullif(a.application_name, ''), 'no name'), coalesce(host(a.client_addr), 'local'), a.pid) AS who,
    CASE WHEN NOT d.datallowconn AND (NOT r.rolsuper OR me.rolsuper) THEN pg_terminate_backend(a.pid) END
  FROM pg_stat_activity a JOIN pg_database d ON d.oid = a.datid JOIN pg_roles r ON r.oid = a.usesysid
    JOIN pg_roles me ON me.rolname = current_user
  WHERE a.datid = $1::oid AND a.pid <> ALL ($2::int[])`;
