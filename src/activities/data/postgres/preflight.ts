import { rootMessage } from '../../../errors.js';
import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { firstPlace } from '../../keeping/places.js';
import { query, withSession, type Session } from './connect.js';
import { freeBytes, megabytes } from './room.js';
import { checkWay } from './way.js';
import { serverMajor, systemIdentifier } from './databases.js';
import { makesDatabases } from './in-place/cluster.js';
import { checkInPlace } from './in-place/preflight.js';
import { checkWal } from './in-place/scratch-server.js';
import type { Link } from './link.js';
import { obstacles, readers } from './obstacles.js';
import { programOf } from './programs.js';
import { tryRights } from './rights.js';
import { checkServer } from './server.js';
import { checkUsed } from './used.js';

/** Every check runs and is shown, whatever the others say. Changes nothing but scratch that it drops. */
export async function checkDatabase(context: StepContext, link: Link): Promise<CheckResult[]> {
  const { store } = link;
  const results: CheckResult[] = [];
  const identities = new Map<string, string>();
  const logins = Object.entries({ url: link.app, backup_url: link.backup, admin_url: link.admin });
  const seen = await Promise.all(
    logins.map(([name, address]) =>
      attempt(() => withSession(address, link.run, async (session) => identities.set(name, await identity(session)))),
    ),
  );
  for (const [index, [name, address]] of logins.entries())
    results.push(
      unasked(
        `${store}: ${name} logs in`,
        seen[index] === undefined,
        `a login to ${address.shown}`,
        seen[index] ?? `as ${address.user}`,
      ),
    );
  if (identities.size < 3) return results;
  const same = new Set(identities.values()).size === 1;
  results.push(
    unasked(
      `${store}: one database`,
      same,
      'url, backup_url and admin_url name the same database',
      same ? 'the same' : logins.map(([name]) => `${name},${identities.get(name)}`).join('; '),
    ),
  );
  if (!same) return results;
  const told = async (check: () => Promise<CheckResult[]>): Promise<CheckResult[]> => {
    const found: CheckResult[] = [];
    const failed = await attempt(async () => found.push(...(await check())));
    return failed === undefined ? found : [unasked(`${store}: checks`, false, 'checks that can be run', failed)];
  };
  // Databases are made to try rights: the other looks are done by then. No more at once, since free connections are counted.
  const [looked, tried] = await Promise.all([
    inTurn(told, [
      () => withSession(link.backup, link.run, (session) => readers(store, session)),
      () => withSession(link.admin, link.run, (session) => obstacles(store, session)),
      () => withSession(link.admin, link.run, (session) => checkServer(store, session)),
      () => withSession(link.admin, link.run, (session) => checkUsed(context, link, session)),
      () => checkTools(context, link),
      () => checkRoom(context, link),
    ]),
    told(async () => ((await makesDatabases(link)) ? tryRights(link) : checkInPlace(context, link))),
  ]);
  const lacking = tried.find(({ name, outcome }) => outcome === 'fail' && name !== `${store}: checks`);
  const [way, wal] = [await told(() => checkWay(context, link, lacking)), await told(() => checkWal(context, link))];
  return [...results, ...looked, ...tried, ...way, ...wal];
}

async function inTurn<T>(act: (one: T) => Promise<CheckResult[]>, all: T[]): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const one of all) results.push(...(await act(one)));
  return results;
}

/** The reason why it failed; undefined where it did not. */
export async function attempt(act: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return rootMessage(error);
  }
}

async function identity(session: Session): Promise<string> {
  const [row] = await query<{ oid: string }>(
    session,
    'SELECT oid::text FROM pg_database WHERE datname = current_database()',
  );
  return `server ${await systemIdentifier(session)}, oid ${row?.oid}`;
}

async function checkTools(context: StepContext, link: Link): Promise<CheckResult[]> {
  const { store, run, backup, inside } = link;
  const major = await withSession(backup, run, serverMajor);
  const results: CheckResult[] = [];
  for (const tool of ['pg_dump', 'pg_restore'] as const) {
    let seen = '';
    const failed = await attempt(async () => (seen = (await programOf(context, link, tool, major)).path));
    const expected = `${tool} for PostgreSQL ${major} or newer${inside ? ` in ${inside.service}` : ''}`;
    results.push(unasked(`${store}: ${tool}`, failed === undefined, expected, failed ?? seen));
  }
  return results;
}

/** The backup, and its content while it is restored: at most as much as the database. */
async function checkRoom(context: StepContext, link: Link): Promise<CheckResult[]> {
  const [row] = await withSession(link.admin, link.run, (session) =>
    query<{ size: string }>(session, 'SELECT pg_database_size(current_database())::text AS size'),
  );
  const needed = Number(row?.size) * 2;
  const backups = firstPlace(context);
  const free = await freeBytes(backups);
  const name = `${link.store}: room for the backup`;
  const expected = `${megabytes(needed)} free in ${backups}`;
  if (free === undefined)
    return [{ ...unasked(name, true, expected, `${backups} cannot be looked at`), outcome: 'skip' }];
  return [unasked(name, free >= needed, expected, `${megabytes(free)} free`)];
}
