import { statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { rootMessage } from '../../../errors.js';
import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { query, withSession, type Session } from './connect.js';
import { serverMajor, systemIdentifier } from './databases.js';
import type { Link } from './link.js';
import { obstacles, readers } from './obstacles.js';
import { programOf } from './programs.js';
import { isOfHost } from './reach.js';
import { tryRights } from './rights.js';

/** Every check runs and is shown, whatever the others say. Changes nothing but scratch that it drops. */
export async function checkDatabase(context: StepContext, link: Link): Promise<CheckResult[]> {
  const { store } = link;
  const results: CheckResult[] = [];
  const logins = { url: link.app, backup_url: link.backup, admin_url: link.admin };
  const identities = new Map<string, string>();
  for (const [name, address] of Object.entries(logins)) {
    const seen = await attempt(() =>
      withSession(address, link.run, async (session) => identities.set(name, await identity(session))),
    );
    results.push(
      unasked(
        `${store}: ${name} logs in`,
        seen === undefined,
        `a login to ${address.shown}`,
        seen ?? `as ${address.user}`,
      ),
    );
  }
  if (identities.size < 3) return results;
  const same = new Set(identities.values()).size === 1;
  results.push(
    unasked(
      `${store}: one database`,
      same,
      'url, backup_url and admin_url name the same database',
      same ? 'the same' : [...identities].join('; '),
    ),
  );
  if (!same) return results;
  const rest = [
    () => withSession(link.backup, link.run, (session) => readers(store, session)),
    () => withSession(link.admin, link.run, (session) => obstacles(store, session)),
    () => tryRights(link),
    () => checkTools(context, link),
    () => checkRoom(context, link),
  ];
  for (const check of rest) {
    const failed = await attempt(async () => results.push(...(await check())));
    if (failed !== undefined) results.push(unasked(`${store}: checks`, false, 'checks that can be run', failed));
  }
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

/** Dump, scratch, standby copy and what a restore would need stand beside the live database at once. */
async function checkRoom(context: StepContext, link: Link): Promise<CheckResult[]> {
  const { store } = link;
  const [size, directory] = await withSession(link.admin, link.run, async (session) => {
    const [row] = await query<{ size: string }>(session, 'SELECT pg_database_size(current_database())::text AS size');
    const shown = await query<{ data_directory: string }>(session, 'SHOW data_directory').catch(() => []);
    return [Number(row?.size), shown[0]?.data_directory] as const;
  });
  const backups = resolve(context.env.value(context.definition.backup.directory ?? join(context.home, 'backups')));
  return [
    room(`${store}: room for copies`, size * 3.2, directory, await freeAtServer(context, link, directory)),
    room(`${store}: room for the backup`, size, backups, await freeBytes(backups)),
  ];
}

/** Undefined where it cannot be seen. */
async function freeAtServer(context: StepContext, link: Link, path: string | undefined): Promise<number | undefined> {
  if (path === undefined) return undefined;
  if (!link.inside) return isOfHost(link.admin) ? freeBytes(path) : undefined;
  const { stdout = '' } = await context.read({ in: link.inside.service, argv: ['df', '-Pk', path], ok: [0, 1] });
  const [, available] = /\s(\d+)\s+\d+%\s/.exec(stdout) ?? [];
  return available === undefined ? undefined : Number(available) * 1024;
}

function room(name: string, needed: number, path: string | undefined, free: number | undefined): CheckResult {
  if (free === undefined) {
    const seen = path === undefined ? "the server's folder cannot be seen from here" : `${path} cannot be looked at`;
    return { ...unasked(name, true, `${megabytes(needed)} free`, seen), outcome: 'skip' };
  }
  return unasked(name, free >= needed, `${megabytes(needed)} free in ${path}`, `${megabytes(free)} free`);
}

async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    // A folder that will be made lies on the filesystem of its parent.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) return undefined;
    return freeBytes(dirname(path));
  }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
