import type { CheckResult } from '../../../model.js';
import { unasked } from '../../context.js';
import { query, type Session } from './connect.js';

/** Checks ask eight at once; a backup, its proof and those who look on need the rest. */
const NEEDED = 12;
const MOST_SKEW_MS = 5_000;

/** Room for our connections and those of the version that starts; and one time here and there, by which ages and deadlines are told. */
export async function checkServer(store: string, session: Session, now = Date.now): Promise<CheckResult[]> {
  return [await checkConnections(store, session), await checkClock(store, session, now)];
}

/** Of server and database the lower limit counts; -1 is none. */
async function checkConnections(store: string, session: Session): Promise<CheckResult> {
  const [row] = await query<{ most: number; limit: number; all: number; here: number }>(
    session,
    `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true), '0')::int AS most,
       (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS limit,
       (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS all,
       (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend') AS here`,
  );
  const { most, limit, all, here } = row!;
  const ofServer = most - all;
  const free = limit < 0 ? ofServer : Math.min(ofServer, limit - here);
  const seen = `${free} of ${limit < 0 ? most : Math.min(most, limit)} are free`;
  return unasked(`${store}: connections`, free >= NEEDED, `${NEEDED} connections are free`, seen);
}

async function checkClock(store: string, session: Session, now: () => number): Promise<CheckResult> {
  const before = now();
  const [row] = await query<{ ms: number }>(
    session,
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
  );
  const after = now();
  const skew = row!.ms - (before + after) / 2;
  // Within the time of the answer nobody can tell.
  const least = Math.max(0, Math.abs(skew) - (after - before) / 2);
  const seen = `${(least / 1000).toFixed(1)} s ${skew < 0 ? 'behind' : 'ahead'}`;
  const expected = `the server's clock is this host's, within ${MOST_SKEW_MS / 1000} s`;
  return unasked(`${store}: clock`, least < MOST_SKEW_MS, expected, seen);
}
