import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeAtomic } from '../../lib/files.js';
import type { Check } from '../../model.js';
import type { CheckContext } from './contract.js';
import { showMs } from './shown.js';

/** A server that refuses without saying for how long: most limits count by the minute. */
export const USUAL_MS = 60_000;
const LONGEST_MS = 600_000;

/** Notes for the whole environment that a check used up a limit of requests: whoever checks next would meet it, also after a rollback. */
export async function noteLimit({ home }: CheckContext, forMs: number): Promise<void> {
  if (home !== undefined)
    await writeAtomic(pathIn(home), new Date(Date.now() + Math.min(forMs, LONGEST_MS)).toISOString());
}

/** Waits until such a limit is over, where these checks would meet it; ends early when they are cancelled. */
export async function awaitLimit(
  checks: Check[],
  { home, signal }: CheckContext,
  say: ((line: string) => void) | undefined,
): Promise<void> {
  if (home === undefined || !checks.some(({ http, flow, metrics }) => http ?? flow ?? metrics)) return;
  const until = Date.parse(await readFile(pathIn(home), 'utf8').catch(() => ''));
  const left = Math.min(until - Date.now(), LONGEST_MS);
  if (!(left > 0)) return;
  say?.(`waiting ${showMs(left)}: a check has used up a limit of requests, which no other has to meet`);
  await sleep(left, undefined, { signal }).catch(() => undefined);
}

function pathIn(home: string): string {
  return join(home, 'limit-until');
}
