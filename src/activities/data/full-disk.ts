import { ApplicationFailure } from '@temporalio/common';

/** The last one is all that openssl says of it. */
const full = /no space left on device|disk quota exceeded|ENOSPC|EDQUOT|^error writing output file$/i;

/** The line of a failed command's output, or of an error, that tells of a full disk, with the file that it names; undefined where it failed otherwise. */
export function fullDisk(error: unknown): string | undefined {
  const tail =
    error instanceof ApplicationFailure ? (error.details?.[0] as { tail?: string } | undefined)?.tail : undefined;
  const lines = [...(tail ?? '').split('\n'), error instanceof Error ? error.message : ''];
  return lines.find((line) => full.test(line))?.trim();
}
