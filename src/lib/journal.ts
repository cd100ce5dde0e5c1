import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../errors.js';
import type { At, Journal } from '../model.js';
import { makeFolder, overwrite, readTextSync, syncFolder, writeAtomic } from './files.js';
import { withLock } from './lock.js';

/** The run that asks. `workflowRunId` changes when a workflow is reset, so the fence closes on that too. */
export type Claimant = Pick<Journal, 'run' | 'kind' | 'environment' | 'namespace' | 'workflowRunId'>;

/** The open run's record; undefined where none is open. Throws Fenced where it is unreadable: nobody knows whose it is. */
export async function readJournal(home: string): Promise<Journal | undefined> {
  const open = readAt(join(home, 'journal.json'));
  return open && { ...open, last: readLast(home, open.token) ?? open.last };
}

/**
 * Opens the environment for this run, or notes how far it came. Durable. Throws Fenced while another run has it, and what `mayOpen` throws
 * where no run is open.
 */
export async function claim(home: string, who: Claimant, at: At, mayOpen?: () => Promise<void>): Promise<Journal> {
  const open = await readJournal(home);
  if (open) return noteLast(home, open, who, at);
  return locked(home, who, async () => {
    const opened = await readJournal(home);
    if (opened) return noteLast(home, opened, who, at);
    await mayOpen?.();
    return openNew(home, who, at);
  });
}

/** Each step notes itself, in place and durably: the owner's file is not touched, so that nothing can tear it. */
async function noteLast(home: string, open: Journal, who: Claimant, at: At): Promise<Journal> {
  refuseOther(open, who);
  const last = stamped(at);
  await overwrite(lastPath(home), JSON.stringify({ token: open.token, last }).padEnd(lastBytes));
  return { ...open, last };
}

/** For `recover` alone: makes the open run's journal this run's, under a new token, so that the other one is fenced from now on. */
export async function takeOver(home: string, who: Claimant, at: At): Promise<Journal> {
  return locked(home, who, async () => {
    const open = await readJournal(home);
    if (open && owns(open, who)) return open;
    if (open) await writeAtomic(join(home, 'journal.taken-over.json'), write(open));
    return openNew(home, who, at);
  });
}

/** A run that has claimed must still own the environment. Throws Fenced. */
export async function holds(home: string, who: Claimant): Promise<Journal> {
  const open = await readJournal(home);
  if (!open) throw fail('Fenced', `run ${who.run} does not hold ${who.environment}: no run is open there`);
  refuseOther(open, who);
  return open;
}

/** For what only looks, or writes beside the live system. Throws Fenced while another run is open. */
export async function refuseOthers(home: string, who: Claimant): Promise<void> {
  const open = await readJournal(home);
  if (open) refuseOther(open, who);
}

/** Ends the run's hold; a second call does nothing. What it was stays as `journal.closed.json`. Throws Fenced for another's. */
export async function close(home: string, who: Claimant): Promise<void> {
  await locked(home, who, async () => {
    const open = await readJournal(home);
    if (!open) return;
    refuseOther(open, who);
    renameSync(join(home, 'journal.json'), join(home, 'journal.closed.json'));
    await syncFolder(home);
  });
}

async function openNew(home: string, who: Claimant, at: At): Promise<Journal> {
  const token = lastToken(home) + 1;
  // First, so that no token is ever given twice.
  await writeAtomic(join(home, 'token'), `${token}\n`);
  const last = stamped(at);
  const { run, kind, environment, namespace, workflowRunId } = who;
  const journal: Journal = { run, kind, environment, namespace, workflowRunId, token, claimedAt: last.at, last };
  await writeAtomic(join(home, 'journal.json'), write(journal));
  return journal;
}

function lastToken(home: string): number {
  const noted = Number(readTextSync(join(home, 'token')) ?? 0);
  const known = ['journal.json', 'journal.closed.json'].map((name) => readAt(join(home, name))?.token ?? 0);
  return Math.max(Number.isSafeInteger(noted) ? noted : 0, ...known);
}

function refuseOther(open: Journal, who: Claimant): void {
  if (owns(open, who)) return;
  throw fail(
    'Fenced',
    `${open.environment} is held by run ${open.run} (${open.kind}), last seen at ${open.last.step}: ` +
      `only \`slipway recover ${open.environment}\` may touch it`,
    { run: open.run, step: open.last.step },
  );
}

function owns(open: Journal, who: Claimant): boolean {
  return open.workflowRunId === who.workflowRunId && open.namespace === who.namespace;
}

function readAt(path: string): Journal | undefined {
  const text = readTextSync(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Journal;
  } catch {
    throw fail('Fenced', `${path} is no journal, so nobody knows which run is open: put the file back as it was`);
  }
}

const lastBytes = 256;
const lastPath = (home: string) => join(home, 'journal.last');

/** The step noted last under this token; undefined where a power cut tore the note: then the one of the opening stands. */
function readLast(home: string, token: number): Journal['last'] | undefined {
  try {
    const noted = JSON.parse(readTextSync(lastPath(home)) ?? '{}') as { token?: number; last?: Journal['last'] };
    return noted.token === token ? noted.last : undefined;
  } catch {
    return undefined;
  }
}

async function locked<T>(home: string, who: Claimant, work: () => Promise<T>): Promise<T> {
  await makeFolder(home);
  return withLock(join(home, 'journal.lock'), `run ${who.run}`, work, { waitMs: 10_000 });
}

function stamped(at: At): Journal['last'] {
  return { step: at.step, undo: at.undo, try: at.try, at: new Date().toISOString() };
}

function write(journal: Journal): string {
  return `${JSON.stringify(journal, null, 2)}\n`;
}
