import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { fail } from '../errors.js';
import type { Temporal } from '../lib/connection.js';
import type { ChecksNow } from '../model.js';
import { plainText } from '../view/style.js';
import type { Cli } from './cli.js';
import { findHolder } from './holder.js';
import { readPending } from './pending.js';
import { readFailure } from './read.js';
import type { StartedRun } from './start-run.js';

const EVERY_MS = 300;
/** Where no line moves, progress is worth a line of its own so often. */
const TELL_MS = 5000;

/**
 * Shows how far checks are until they ended; failed ones are an answer, too. Undefined where Ctrl-C came first. Throws what the host threw,
 * and Unreachable where no worker serves the environment.
 */
export async function follow(
  cli: Cli,
  temporal: Temporal,
  run: Required<StartedRun>,
  left: AbortSignal,
): Promise<ChecksNow | undefined> {
  let told = Date.now();
  try {
    while (!left.aborted) {
      const holder = await findHolder(temporal, run.id, run.runId);
      if (!holder?.running) return await result(temporal, run);
      const pending = await readPending(temporal, holder.description, Date.now());
      const line = pending.find((one) => one.line)?.line ?? '';
      cli.live(plainText(line));
      if (!cli.moving && Date.now() - told >= TELL_MS) {
        told = Date.now();
        const waits = pending.some((one) => one.unservedSince);
        if (waits) cli.say(`${cli.sayStyle.mark('note')} no worker on the host of ${run.environment} answers yet`);
        else if (line) cli.say(`${cli.sayStyle.mark('running')} ${plainText(line)}`);
      }
      await sleep(EVERY_MS, undefined, { signal: left }).catch(() => undefined);
    }
    return undefined;
  } finally {
    cli.live('');
  }
}

async function result({ client }: Temporal, { environment, id, runId }: Required<StartedRun>): Promise<ChecksNow> {
  try {
    return (await client.workflow.getHandle(id, runId).result()) as ChecksNow;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    const found = cause instanceof ApplicationFailure ? (cause.details?.[0] as ChecksNow | undefined) : undefined;
    if (found?.results) return found;
    if (!cause) throw fail('Unreachable', `the checks of ${environment} did not end`);
    throw readFailure(error, environment);
  }
}
