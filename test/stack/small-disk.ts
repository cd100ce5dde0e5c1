import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Only root may mount. */
export const canMount = process.getuid?.() === 0;

export interface SmallDisk {
  path: string;
  /** Leaves that many megabytes free; called again it makes room first. */
  leave(megabytes: number): void;
  remove(): void;
}

/** A filesystem of its own, in memory, that others may enter. */
export function smallDisk(megabytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'slipway-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'slipway-test', path]);
  const filler = join(path, 'filler');
  return {
    path,
    leave: (free) => {
      rmSync(filler, { force: true });
      const { bavail, bsize } = statfsSync(path);
      const bytes = bavail * bsize - free * 2 ** 20;
      if (bytes > 0) execFileSync('fallocate', ['--length', String(bytes), filler]);
    },
    remove: () => {
      execFileSync('umount', ['--lazy', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
