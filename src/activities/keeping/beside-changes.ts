import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import { markedChange } from '../../lib/change-mark.js';
import { readExit, readProcess } from '../../lib/detached-record.js';
import { readJournal } from '../../lib/journal.js';
import { isAlive } from '../../lib/process-identity.js';
import type { StepContext } from '../context.js';

/** Throws where something live was changed since the work began. */
export type Still = () => Promise<void>;
const everyMs = 300;

/**
 * Does `work`, which only reads the live system, while nothing live is changed: a change is waited for, and one that begins meanwhile is given way
 * to at once, so that no release waits for a backup. Then the work begins again.
 */
export async function besideChanges<T extends StepContext, R>(
  context: T,
  work: (context: T, still: Still) => Promise<R>,
): Promise<R> {
  for (;;) {
    await untilQuiet(context);
    const giveWay = new AbortController();
    const before = await lastChange(context);
    const still: Still = async () => {
      if ((await lastChange(context)) !== before || (await changeNow(context)) !== undefined) giveWay.abort();
      giveWay.signal.throwIfAborted();
    };
    const watch = setInterval(() => void still().catch(() => undefined), everyMs);
    try {
      const read: T['read'] = (request) => context.read({ ...request, signal: giveWay.signal });
      return await work({ ...context, read }, still);
    } catch (error) {
      if (!giveWay.signal.aborted) throw error;
      context.progress('gave way to a change, and begins again');
    } finally {
      clearInterval(watch);
    }
  }
}

async function untilQuiet(context: StepContext): Promise<void> {
  for (;;) {
    const what = await changeNow(context);
    if (what === undefined) return;
    context.progress(`waits while ${what}`);
    await wait(everyMs, undefined, { signal: context.interrupted }).catch((error: unknown) => {
      throw context.cancelled.aborted ? new CancelledFailure('cancelled while it waited for a change') : error;
    });
  }
}

/** A step that changes something, or a command of the open run that outlives its worker. */
async function changeNow(context: StepContext): Promise<string | undefined> {
  const { home } = context;
  const marked = markedChange(home);
  if (marked !== undefined) return marked;
  const open = await readJournal(home);
  return open && runningCommand(join(context.folderOf(open.run), 'commands'));
}

function runningCommand(commands: string): string | undefined {
  if (!existsSync(commands)) return undefined;
  const running = readdirSync(commands).find((name) => {
    const process = readProcess(join(commands, name));
    return process && isAlive(process) && !readExit(join(commands, name));
  });
  return running && `${running} runs`;
}

/** Another text after each changing step: each notes itself in the journal before it acts. */
async function lastChange({ home }: StepContext): Promise<string> {
  const open = await readJournal(home);
  return open ? `${open.token} ${open.last.at} ${open.last.step}` : 'none';
}
