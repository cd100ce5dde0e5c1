import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readTextSync } from './files.js';
import type { ProcessIdentity } from './process-identity.js';

/** What the wrapper of a detached command leaves in its folder; see `detached-command.ts`. */
export interface DetachedExit {
  /** null: cancelled. */
  code: number | null;
  /** Between the records of the start and of the end. */
  tookMs: number;
}

/** Whether a wrapper was ever started there. */
export function isClaimed(folder: string): boolean {
  return existsSync(join(folder, 'claim')) || existsSync(join(folder, 'exit'));
}

/** undefined until the command's start is recorded. */
export function readProcess(folder: string): ProcessIdentity | undefined {
  const [bootId, pid, startTime] = readTextSync(join(folder, 'process'))?.trim().split(' ') ?? [];
  return bootId && pid && startTime ? { bootId, pid: Number(pid), startTime } : undefined;
}

/** undefined while it runs, or where it ended without a trace. */
export function readExit(folder: string): DetachedExit | undefined {
  const text = readTextSync(join(folder, 'exit'))?.trim();
  if (text !== 'cancelled' && !/^\d+$/.test(text ?? '')) return undefined;
  const startedAt = statSync(join(folder, 'process'), { throwIfNoEntry: false })?.mtimeMs;
  const endedAt = statSync(join(folder, 'exit')).mtimeMs;
  return {
    code: text === 'cancelled' ? null : Number(text),
    tookMs: Math.max(0, Math.round(endedAt - (startedAt ?? endedAt))),
  };
}
