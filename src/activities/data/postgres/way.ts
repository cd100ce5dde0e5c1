import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import { query, withSession, type Session } from './connect.js';
import type { Link } from './link.js';
import { freeAtServer, megabytes } from './room.js';

/** How the state after the stop is kept: as a copy beside the live database, or, where that has no room, as a second backup. */
export interface Way {
  way: 'copy' | 'backup';
  /** Why, for people. */
  why: string;
  /** Bytes of the live database. */
  size: number;
  /** Free bytes where it lies; undefined where that cannot be seen. */
  free: number | undefined;
}

/** Dump, scratch, standby copy and what a restore would need stand beside the live database at once; without a copy, one of them at a time. */
const beside = 3.2;
const alone = 1.2;

export async function wayOf(context: StepContext, link: Link): Promise<Way> {
  const { size, directory } = await withSession(link.admin, link.run, look);
  const free = await freeAtServer(context, link, directory);
  if (free === undefined) return { way: 'copy', why: "the server's folder cannot be seen from here", size, free };
  const room = `${megabytes(free)} free in ${directory}`;
  if (free >= size * beside) return { way: 'copy', why: room, size, free };
  return { way: 'backup', why: `${room}, but ${megabytes(size * beside)} are wanted for a copy`, size, free };
}

/** What will be done after the stop, and why; it fails where not even a proof has room. */
export async function checkWay(context: StepContext, link: Link): Promise<CheckResult[]> {
  const { way, why, size, free } = await wayOf(context, link);
  const enough = free === undefined || free >= size * alone;
  const seen = {
    copy: 'a copy beside the live database',
    backup: 'a second backup after the stop, proven: more downtime',
  };
  return [
    {
      ...unasked(`${link.store}: room for copies`, enough, `${megabytes(size * alone)} free at the server`, why),
      ...(free === undefined ? { outcome: 'skip' } : {}),
    },
    unasked(`${link.store}: way back`, enough, 'the state after the stop can be kept', `${seen[way]} (${why})`),
  ];
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
