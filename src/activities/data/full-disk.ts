import { ApplicationFailure } from '@temporalio/common';

/** The line of a failed command's output, or of an error, that tells of a full disk, with the file that it names; undefined where it failed otherwise. */
export function fullDisk(error: unknown): string | undefined {
  const tail =
    error instanceof ApplicationFailure ? (error.details?.[0] as { tail?: string } | undefined)?.tail : undefined;
  const lines = [...(tail ?? '').split('\n'), error instanceof Error ? error.message : ''];
  return lines.find((line) => /no space left on device|disk quota exceeded|ENOSPC|EDQUOT/i.test(line))?.trim();
}
