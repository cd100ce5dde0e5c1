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
}

/** Dump, scratch, standby copy and what a restore would need stand beside the live database at once; without a copy, one of them at a time. */
const beside = 3.2;
const alone = 1.2;

export async function wayOf(context: StepContext, link: Link): Promise<Way> {
  const { size, directory } = await withSession(link.admin, link.run, look);
  const free = await freeAtServer(context, link, directory);
  const room = free === undefined ? 'the room at the server cannot be seen from here' : `${megabytes(free)} free`;
  if (free !== undefined && free < size * beside)
    return {
      way: 'backup',
      why: `${room} in ${directory}, but ${megabytes(size * beside)} are wanted for a copy`,
      size,
    };
  return { way: 'copy', why: room, size };
}

/** One line: what will be done after the stop, and why; it fails where not even a proof has room. */
export async function checkWay(context: StepContext, link: Link): Promise<CheckResult[]> {
  const { size, directory } = await withSession(link.admin, link.run, look);
  const free = await freeAtServer(context, link, directory);
  const { way, why } = await wayOf(context, link);
  const seen = {
    copy: 'a copy beside the live database',
    backup: 'a second backup after the stop, proven: more downtime',
  }[way];
  const enough = free === undefined || free >= size * alone;
  return [
    {
      ...unasked(`${link.store}: room for copies`, enough, `${megabytes(size * alone)} free in ${directory}`, why),
      ...(free === undefined ? { outcome: 'skip' } : {}),
    },
    unasked(`${link.store}: way back`, enough, 'the state after the stop can be kept', `${seen} (${why})`),
  ];
}

async function look(session: Session): Promise<{ size: number; directory: string | undefined }> {
  const [row] = await query<{ size: string }>(session, 'SELECT pg_database_size(current_database())::text AS size');
  const [place] = await query<{ location: string }>(
    session,
    'SELECT pg_tablespace_location(dattablespace) AS location FROM pg_database WHERE datname = current_database()',
  );
  const shown = place?.location
    ? []
    : await query<{ data_directory: string }>(session, 'SHOW data_directory').catch(() => []);
  return { size: Number(row?.size), directory: place?.location || shown[0]?.data_directory };
}
