import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../../errors.js';
import { close, connectBeside, explained, query, type Session } from './connect.js';
import type { Link } from './link.js';

/**
 * Lends the one session that acts on database `name`. Each act runs under a lock that lives as long as its session: a predecessor of the same
 * run that was killed, or still sleeps, loses its session here, so nothing it began can go on beside us. Throws Held where another
 * run is at work.
 */
export async function asAdmin<T>(link: Link, name: string, use: (session: Session) => Promise<T>): Promise<T> {
  return alone(link, name, async (session) => {
    try {
      return await use(session);
    } catch (error) {
      throw explained(error, link.admin);
    }
  });
}

/** Under that lock an act that has nothing to do with the session: what it throws stays as it is. The lock goes with its holder. */
export async function alone<T>(link: Link, name: string, act: (session: Session) => Promise<T>): Promise<T> {
  const session = await connectBeside(link.admin, link.run);
  try {
    await takeLock(session, name, link.run).catch((error: unknown) => {
      throw explained(error, link.admin);
    });
    return await act(session);
  } finally {
    await close(session);
  }
}

async function takeLock(session: Session, name: string, run: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  const key = `slipway:${name}`;
  for (;;) {
    const [tried] = await query<{ got: boolean }>(
      session,
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS got',
      [key],
    );
    if (tried?.got) return;
    const holders = await query<{ pid: number; run: string }>(session, holdersOf, [key]);
    const other = holders.find((holder) => holder.run !== `slipway:${run}`.slice(0, 63));
    if (other) throw fail('Held', `${other.run} is at work on database ${name}: wait until it has ended`);
    for (const { pid } of holders) await query(session, 'SELECT pg_terminate_backend($1)', [pid]);
    if (Date.now() > deadline)
      throw fail('Held', `an earlier attempt of this run still works on database ${name}: try again`);
    await sleep(50);
  }
}

const holdersOf = `
  SELECT l.pid, a.application_name AS run FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, 0)`;
