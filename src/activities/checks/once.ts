import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readJson, writeAtomic } from '../../lib/files.js';
import type { CommandResult } from '../../lib/command.js';
import type { CommandRequest, StepContext } from '../context.js';
import type { CheckResult } from '../../model.js';

/** What is known of a check that may change something: nothing yet, that it was begun, or what it found. */
export interface OnceRecord {
  /** Aborted when the run is cancelled, and not when the worker leaves: what was sent is waited for. */
  signal: AbortSignal;
  begin(name: string): Promise<'first' | 'unknown' | CheckResult>;
  end(name: string, result: CheckResult): Promise<void>;
  /** Runs a command that outlives the worker; a second call adopts the first. Throws OutcomeUnknown. */
  command(name: string, request: CommandRequest): Promise<CommandResult>;
}

/**
 * The record in the run's folder: it is on disk before the check is sent.
 * @param key the same for every attempt of one activity, and for no other
 */
export function onceIn(context: Pick<StepContext, 'folder' | 'change' | 'cancelled'>, key: string): OnceRecord {
  const place = (name: string) => join(context.folder, 'checks', key, `${name}.json`);
  return {
    signal: context.cancelled,
    begin: async (name) => {
      const path = place(name);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      try {
        const file = await open(path, 'wx', 0o600);
        await file.writeFile('{}');
        await file.sync();
        await file.close();
        return 'first';
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        // A torn file was begun, too.
        const found = await readJson<Partial<CheckResult>>(path).catch(() => undefined);
        return found?.outcome ? (found as CheckResult) : 'unknown';
      }
    },
    command: async (name, request) => {
      const result = await context.change(`check-${key}-${name}`, request);
      // What is detached keeps one log of both streams.
      return { ...result, stdout: result.stdout ?? result.tail };
    },
    end: (name, result) => writeAtomic(place(name), JSON.stringify(result)),
  };
}
