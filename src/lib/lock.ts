import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fail } from '../errors.js';
import { isAlive, ownIdentity } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

interface LockContent extends ProcessIdentity {
  holder: string;
  since: string;
  /** Differs from one acquisition to the next. */
  id: string;
}

interface LockOptions {
  /** How long to wait for another process. @default 0 */
  waitMs?: number;
  signal?: AbortSignal;
}

const queues = new Map<string, Promise<void>>();
let acquisitions = 0;

/**
 * Runs `work` while no other process of this host, and no other caller in this one, is inside the same lock. Callers of one
 * process queue, however long it takes; do not nest. A lock whose process died is taken over. Throws Held, naming the holder.
 */
export async function withLock<T>(
  path: string,
  holder: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const leave = await enterQueue(path, options.signal);
  try {
    const content = contentFor(holder);
    await acquire(path, content, options);
    try {
      return await work();
    } finally {
      unlinkSync(path);
    }
  } finally {
    leave();
  }
}

async function enterQueue(path: string, signal: AbortSignal | undefined): Promise<() => void> {
  const before = queues.get(path);
  let done = (): void => undefined;
  const own = new Promise<void>((resolve) => (done = resolve));
  const tail = before ? before.then(() => own) : own;
  queues.set(path, tail);
  const leave = (): void => {
    done();
    if (queues.get(path) === tail) queues.delete(path);
  };
  if (before) {
    try {
      await orAborted(before, signal);
    } catch (error) {
      leave();
      throw error;
    }
  }
  return leave;
}

async function acquire(path: string, content: LockContent, { waitMs = 0, signal }: LockOptions): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    signal?.throwIfAborted();
    if (placeNew(path, content)) return;
    const held = readContent(path);
    if (held === undefined) continue;
    if (!isAlive(held)) {
      if (await takeOver(path, held, content)) return;
      continue;
    }
    if (Date.now() >= deadline) {
      throw fail(
        'Held',
        `${held.holder} holds ${path} (pid ${held.pid}, since ${held.since}): wait until it ends, then try again`,
      );
    }
    await wait(Math.min(pauseMs, Math.max(1, deadline - Date.now())), undefined, { signal });
  }
}

/** A link appears with its content in it, or not at all: there is no moment in which a lock has no holder. */
function placeNew(path: string, content: LockContent): boolean {
  const temporary = writeTemporary(path, content);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Only the holder of the lock named after the dead one's id may replace it, and it looks again first: so a slow taker
 * never throws out the lock that a faster one put there. Should the taker die as well, its own lock is taken over in turn.
 */
async function takeOver(path: string, dead: LockContent, content: LockContent): Promise<boolean> {
  const claim = `${path}.${dead.id}`;
  await acquire(claim, contentFor(content.holder), { waitMs: 10_000 });
  try {
    if (readContent(path)?.id !== dead.id) return false;
    renameSync(writeTemporary(path, content), path);
    return true;
  } finally {
    unlinkSync(claim);
  }
}

function contentFor(holder: string): LockContent {
  const self = ownIdentity();
  const id = `${self.bootId.slice(0, 8)}-${self.pid}-${self.startTime}-${(acquisitions += 1)}`;
  return { ...self, holder, since: new Date().toISOString(), id };
}

function writeTemporary(path: string, content: LockContent): string {
  const temporary = `${path}.new-${content.id}`;
  writeFileSync(temporary, JSON.stringify(content), { mode: 0o600 });
  return temporary;
}

function readContent(path: string): LockContent | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockContent;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) {
      throw fail(
        'Held',
        `${path} is not readable as a lock: remove it once no other Slipway process runs on this host`,
      );
    }
    throw error;
  }
}

async function orAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return promise;
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
