import { tmpdir } from 'node:os';
import type { CheckResult } from '../../../model.js';
import { firstPlace } from '../../keeping/places.js';
import type { Need } from '../contract.js';
import { unasked, type StepContext } from '../../context.js';
import { query, withSession, type Session } from './connect.js';
import { makesDatabases } from './in-place/cluster.js';
import { linkOf, type Link } from './link.js';
import { freeAtServer, megabytes } from './room.js';

/**
 * How the state after the stop is kept: as a copy beside the live database; where that has no room, as a second backup; where no other database may
 * be made at all, as a second backup that is restored over the live one.
 */
export interface Way {
  way: 'copy' | 'backup' | 'in place';
  /** Why, for people. */
  why: string;
  /** Bytes of the live database. */
  size: number;
  /** Bytes of all databases of the definition that lie there: their copies stand at the same time. */
  all: number;
  /** Where it lies, as the server names it. */
  directory: string | undefined;
  /** Free bytes where it lies; undefined where that cannot be seen. */
  free: number | undefined;
}

/** Dump, scratch, standby copy and what a restore would need stand beside the live database at once; without a copy, one of them at a time. */
const beside = 3.2;
const alone = 1.2;

export async function wayOf(context: StepContext, link: Link): Promise<Way> {
  const { size, directory } = await withSession(link.admin, link.run, look);
  const free = await freeAtServer(context, link, directory);
  const bare = { size, all: size, directory, free };
  if (!(await makesDatabases(link))) return { way: 'in place', why: `${link.admin.user} has no CREATEDB`, ...bare };
  const all = size + (await sizeBeside(context, link, directory));
  const seen = { size, all, directory, free };
  if (free === undefined) return { way: 'copy', why: "the server's folder cannot be seen from here", ...seen };
  const room = `${megabytes(free)} free in ${directory}`;
  const others = all > size ? ' of each database there' : '';
  if (free >= all * beside) return { way: 'copy', why: room, ...seen };
  return { way: 'backup', why: `${room}, but ${megabytes(all * beside)} are wanted for a copy${others}`, ...seen };
}

/** Seen from here only where the server is this host's own. Of what stands at once, the dump lies with the backups. */
export async function needsOf(context: StepContext, link: Link): Promise<Need[]> {
  const { way, size, free, directory } = await wayOf(context, link);
  const backups = { folder: firstPlace(context), bytes: size };
  if (way === 'in place')
    return [
      { ...backups, bytes: size * 3 },
      { folder: tmpdir(), bytes: size * 2 },
    ];
  if (free === undefined || directory === undefined || link.inside) return [backups];
  return [backups, { folder: directory, bytes: size * (way === 'copy' ? beside - 1 : alone) }];
}

/** What will be done after the stop, and why; it fails where not even a proof has room, or a right is `lacking`. */
export async function checkWay(context: StepContext, link: Link, lacking?: CheckResult): Promise<CheckResult[]> {
  const { way, why, all, free } = await wayOf(context, link);
  const enough = free === undefined || free >= all * alone;
  const [name, wanted] = [`${link.store}: way back`, 'the state after the stop can be kept, and had back'];
  const seen = {
    copy: 'a copy beside the live database',
    backup: 'a second backup after the stop, proven: more downtime',
    'in place':
      'a second backup after the stop, proven on a throwaway server, and restored over the live database in one transaction: more downtime',
  };
  return [
    {
      ...unasked(`${link.store}: room for copies`, enough, `${megabytes(all * alone)} free at the server`, why),
      ...(free === undefined ? { outcome: 'skip' } : {}),
    },
    lacking
      ? unasked(
          name,
          false,
          wanted,
          `none: ${way === 'in place' ? 'its content cannot be replaced' : 'no other database may be put in its place'} (${lacking.name}: ${lacking.seen})`,
        )
      : unasked(name, enough, wanted, `${seen[way]} (${why})`),
  ];
}

/** Of the definition's other databases in that folder; at `standby` of those alone whose turn comes later, as the others have their copies. */
async function sizeBeside(context: StepContext, link: Link, directory: string | undefined): Promise<number> {
  const all = Object.entries(context.definition.databases);
  const later = context.at.step === 'standby' ? all.slice(all.findIndex(([name]) => name === link.store) + 1) : all;
  let sum = 0;
  for (const [name, database] of later) {
    if (name === link.store || !('postgres' in database)) continue;
    const other = await linkOf(context, name, database.postgres);
    // One that cannot be reached is told by its own checks.
    const seen = await withSession(other.admin, other.run, look).catch(() => undefined);
    if (seen?.directory === directory && other.inside?.service === link.inside?.service) sum += seen?.size ?? 0;
  }
  return sum;
}

async function look(session: Session): Promise<{ size: number; directory: string | undefined }> {
  const [row] = await query<{ size: string; location: string }>(
    session,
    `SELECT pg_database_size(oid)::text AS size, pg_tablespace_location(dattablespace) AS location
     FROM pg_database WHERE datname = current_database()`,
  );
  // Not every role may see it.
  const shown = row?.location
    ? []
    : await query<{ data_directory: string }>(session, 'SHOW data_directory').catch(() => []);
  return { size: Number(row?.size), directory: row?.location || shown[0]?.data_directory };
}
