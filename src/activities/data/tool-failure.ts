import { ApplicationFailure } from '@temporalio/common';
import { fail, failureType, rootMessage, type FailureType } from '../../errors.js';
import { fullDisk } from './full-disk.js';

/**
 * What it means that a tool failed on a backup. `reads`: what it was at, `x cannot be unpacked`. A full disk is NoRoom; a tool that a signal ended, or
 * that lost its server, says nothing against the file: its own CommandFailed; all else is BackupUnusable. Other errors stay what they are, but for a full
 * disk that we ourselves write to.
 */
export function whyUnread(error: unknown, reads: string): unknown {
  const full = fullDisk(error);
  if (failureType(error) === undefined && full) return fail('NoRoom', `${reads}: ${full}`);
  if (failureType(error) !== 'CommandFailed') return error;
  const type: FailureType = full ? 'NoRoom' : wasCutOff(error) ? 'CommandFailed' : 'BackupUnusable';
  return fail(type, `${reads}: ${full ?? rootMessage(error)}`);
}

/** A shell, a container and a parent of its own tell of a signal in their own ways. */
function wasCutOff(error: unknown): boolean {
  const { exitCode, tail } = detailsOf(error);
  if (exitCode === null || (exitCode !== undefined && exitCode > 128)) return true;
  return /worker process died unexpectedly|server closed the connection|terminating connection|connection to server/.test(
    tail ?? '',
  );
}

function detailsOf(error: unknown): { exitCode?: number | null; tail?: string } {
  return error instanceof ApplicationFailure ? (error.details?.[0] ?? {}) : {};
}
