import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail, rootMessage } from '../../../../errors.js';
import { abandonedIn, ownName } from '../../../../lib/own-name.js';
import { freePort, startServer, systemUser, type User } from '../../../../lib/server-process.js';
import type { StepContext } from '../../../context.js';
import { fullDisk } from '../../full-disk.js';
import type { Address } from '../address.js';
import { close, connect, query, withSession, type Session } from '../connect.js';
import { serverMajor } from '../databases.js';
import type { Link } from '../link.js';
import { quoteName } from '../names.js';
import { freeBytes } from '../room.js';

/** A server of our own, with the roles of the live one, where databases may be made. */
export interface Cluster {
  /** The same logins there. */
  link: Link;
  /** As its superuser, in no database of anybody. */
  superuser: Session;
  /** Ends it and removes all of it. */
  remove(): Promise<void>;
}

/** Managed servers have admins that may not. A server inside a service is the system's own: there the right is given. */
export async function makesDatabases(link: Link): Promise<boolean> {
  if (link.inside) return true;
  return withSession(link.admin, link.run, async (session) => {
    const [row] = await query<{ may: boolean }>(
      session,
      'SELECT rolsuper OR rolcreatedb AS may FROM pg_roles WHERE rolname = current_user',
    );
    return row?.may ?? false;
  });
}

/**
 * A PostgreSQL server of the live one's major version on this host, reached by a socket in a folder that only its user enters; the application's own
 * login, with a password made for it, also at a port of 127.0.0.1, since not every tool takes a folder for a host. It ends with this process; what a killed worker left of it is removed by the next one, or at the next worker's start. Throws ToolMissing, also for an extension that this host lacks, NoRights, NoRoom, NotStarted.
 */
export async function startCluster(context: StepContext, link: Link): Promise<Cluster> {
  const live = await withSession(link.admin, link.run, readServer);
  const initdb = await initdbOf(context, live.major);
  // Sockets have short paths, which a run's folder has not.
  const folder = join(tmpdir(), ownName(prefix));
  const user = await systemUser();
  await removeAbandonedClusters();
  await mkdir(folder, { mode: 0o700 });
  if (user) await chown(folder, user.uid, user.gid);
  context.progress('starting a throwaway server for the proof');
  try {
    const port = await freePort();
    const server = await serve(initdb, folder, port, live.superuser, user);
    const at = (address: Address): Address => inCluster(address, folder, port);
    const password = randomBytes(18).toString('base64url');
    try {
      const superuser = await connect({ ...at(link.admin), user: live.superuser, database: 'template1' }, link.run);
      await refuseLacking(superuser, live.extensions);
      for (const statement of live.statements) await query(superuser, statement);
      await query(superuser, `ALTER ROLE ${quoteName(link.admin.user)} CREATEDB`);
      await query(superuser, `ALTER ROLE ${quoteName(link.app.user)} PASSWORD '${password}'`);
      if (live.major >= 15)
        for (const name of live.settings)
          await query(superuser, `GRANT SET ON PARAMETER ${quoteName(name)} TO ${quoteName(link.admin.user)}`);
      await makeTablespaces(superuser, folder, live.tablespaces, user);
      return {
        link: {
          ...link,
          url: urlInCluster(link, password, port),
          app: at(link.app),
          backup: at(link.backup),
          admin: at(link.admin),
        },
        superuser,
        remove: async () => {
          await close(superuser);
          await server.stop();
          await removeCluster(folder);
        },
      };
    } catch (error) {
      await server.stop();
      throw error;
    }
  } catch (error) {
    const full = fullDisk(error) ?? ((await freeBytes(folder)) ?? Infinity) < 1e6;
    await removeCluster(folder);
    throw full ? fail('NoRoom', `there is no room for a throwaway server in ${folder}: ${rootMessage(error)}`) : error;
  }
}

/** Of the very major version: another one would prove another restore. Throws ToolMissing. */
export async function initdbOf(context: StepContext, major: number): Promise<string> {
  const { path, major: found } = await context.tools.postgres('initdb', major);
  // What it is a link to: the server lies beside that.
  const initdb = await realpath(path);
  const there = existsSync(join(dirname(initdb), 'postgres'));
  if (found === major && there) return initdb;
  throw fail(
    'ToolMissing',
    `${there ? `initdb is ${found}, not ${major}` : `${dirname(initdb)} has no postgres`}: install postgresql-${major} on this host for proofs, or give the admin role CREATEDB`,
  );
}

interface Live {
  major: number;
  /** The role that the server was made with: owner of what every database has. */
  superuser: string;
  statements: string[];
  settings: string[];
  tablespaces: string[];
  extensions: Extension[];
}

interface Extension {
  name: string;
  version: string;
}

/** At one moment: others may make and drop roles meanwhile. The session is given back after it. */
async function readServer(session: Session): Promise<Live> {
  await query(session, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const names = async (sql: string) => (await query<{ name: string }>(session, sql)).map(({ name }) => name);
  return {
    major: await serverMajor(session),
    superuser: (await names('SELECT rolname AS name FROM pg_roles WHERE oid = 10'))[0] ?? 'postgres',
    statements: [...(await names(roles)), ...(await names(memberships))],
    settings: await names(
      `SELECT DISTINCT split_part(pair, '=', 1) AS name FROM pg_db_role_setting, unnest(setconfig) AS pair WHERE setdatabase =
        (SELECT oid FROM pg_database WHERE datname = current_database())`,
    ),
    tablespaces: await names(`SELECT spcname AS name FROM pg_tablespace WHERE spcname !~ '^pg_'`),
    extensions: await query<Extension>(session, 'SELECT extname AS name, extversion AS version FROM pg_extension'),
  };
}

async function refuseLacking(superuser: Session, wanted: Extension[]): Promise<void> {
  const available = 'SELECT name, default_version AS version FROM pg_available_extensions';
  const there = await query<Extension>(superuser, available);
  const lacking = wanted.filter(
    (one) => !there.some(({ name, version }) => name === one.name && version === one.version),
  );
  if (lacking.length > 0)
    throw fail('ToolMissing', `extensions that are not installed on this host in that version: ${lacking.map(({ name, version }) => `${name} ${version}`).join(', ')}`); // prettier-ignore
}

const roles = `
  SELECT format('CREATE ROLE %I %s', rolname, concat_ws(' ', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcanlogin THEN 'LOGIN' END,
    CASE WHEN NOT rolinherit THEN 'NOINHERIT' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
    CASE WHEN rolbypassrls THEN 'BYPASSRLS' END)) AS name
  FROM pg_roles WHERE oid <> 10 AND rolname !~ '^pg_'`;

/** Roles that this version does not bring by itself are those of somebody's fork of it. */
const memberships = `
  SELECT format('GRANT %I TO %I', r.rolname, m.rolname) AS name FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
  WHERE (r.rolname !~ '^pg_' OR r.oid < 16384) AND m.rolname !~ '^pg_' AND m.oid <> 10`;

async function serve(initdb: string, folder: string, port: number, superuser: string, user: User | undefined) {
  const data = join(folder, 'data');
  const log = join(folder, 'log');
  const argv = [
    initdb,
    '-D',
    data,
    '-U',
    superuser,
    '--encoding=UTF8',
    '--locale=C',
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    '--no-sync',
  ];
  await startServer({ name: 'initdb', argv, log, endWith: 'SIGTERM', ...(user ? { user } : {}) }).ended();
  // Nothing of it has to survive a crash.
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    fsync: 'off',
    full_page_writes: 'off',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = startServer({
    name: 'the throwaway server',
    argv: [join(dirname(initdb), 'postgres'), '-D', data, '-p', String(port), ...options],
    log,
    endWith: 'SIGINT',
    ...(user ? { user } : {}),
  });
  const address = { ...inCluster({ database: 'template1' } as Address, folder, port), user: superuser };
  await server.ready(async () => close(await connect(address, 'start')), 60_000);
  return server;
}

function inCluster(address: Address, folder: string, port: number): Address {
  const { password: _, ...login } = address;
  const shown = `postgresql:///${address.database}?host=${folder}`;
  return { ...login, password: undefined, host: folder, port, sslmode: 'disable', files: {}, shown };
}

/** The URL as its owner wrote it, but for the server and the password. */
function urlInCluster({ url, app }: Link, password: string, port: number): string {
  const [, scheme = '', path = '', options = ''] = /^([^:]+:\/\/)[^/?#]*([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  const others = options.split('&').filter((one) => !/^(host|hostaddr|port|user|password|ssl\w*)=/.test(one));
  const kept = others.filter(Boolean).join('&');
  return `${scheme}${encodeURIComponent(app.user)}:${password}@127.0.0.1:${port}${path}${kept && `?${kept}`}`;
}

async function makeTablespaces(
  session: Session,
  folder: string,
  names: string[],
  user: User | undefined,
): Promise<void> {
  for (const [index, name] of names.entries()) {
    const place = join(folder, `tablespace-${index}`);
    await mkdir(place, { mode: 0o700 });
    if (user) await chown(place, user.uid, user.gid);
    await query(session, `CREATE TABLESPACE ${quoteName(name)} LOCATION '${place}'`);
    // Whatever may be made there on the live server: nobody else ever comes here.
    await query(session, `GRANT CREATE ON TABLESPACE ${quoteName(name)} TO PUBLIC`);
  }
}

const prefix = 'slipway-pg-';

/** Those of workers that were killed. */
export async function removeAbandonedClusters(): Promise<void> {
  for (const folder of await abandonedIn(tmpdir(), prefix)) await removeCluster(folder);
}

/** Also one of a killed worker, whose server is told of its end, and ends. */
async function removeCluster(folder: string): Promise<void> {
  const pid = Number((await readFile(join(folder, 'data/postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
  for (let turn = 0; pid > 0 && turn < 200 && existsSync(`/proc/${pid}`); turn += 1) await sleep(50);
  await rm(folder, { recursive: true, force: true });
}
