import { setTimeout as sleep } from 'node:timers/promises';
import { untilTaken, type Place } from './knock.js';
import { showMs } from './shown.js';

/** What one try found. */
export interface Try {
  ok: boolean;
  seen: string;
  /** An answer came, whatever it was. */
  answered: boolean;
  /** Nothing came in the time of the try, which may have been short. */
  silent?: boolean;
  /** Nothing listens there: the next try comes as soon as something does. */
  refusedAt?: Place;
  /** No later try can mend it: the answer is too large, the run was cancelled. */
  final?: boolean;
  /** Too many requests, it says. */
  limited?: boolean;
  /** The server asks to be left alone for so long. */
  retryAfterMs?: number;
}

/** Pauses between tries, in ms. */
interface Pace {
  first: number;
  factor: number;
  longest: number;
}
const quick: Pace = { first: 100, factor: 1.5, longest: 1000 };
/** For what signs in: five failed logins lock some systems for minutes. */
export const gentle: Pace = { first: 250, factor: 3, longest: 10_000 };

/**
 * Tries until it passes or the deadline is over: at once, then after 100 ms, growing to 1 s (or at `pace`), never sooner than `Retry-After` says.
 * `seen` ends with how often and how long it tried. One try gets two thirds of what is left, so that a request that hangs is tried again.
 */
export async function poll(
  withinMs: number,
  signal: AbortSignal,
  attempt: (timeoutMs: number) => Promise<Try>,
  pace = quick,
): Promise<Try> {
  const start = performance.now();
  const spentMs = () => performance.now() - start;
  const nextPause = { quick: pauses(quick), paced: pauses(pace) };
  let answered: Try | undefined;
  let told: Try | undefined;
  for (let tries = 1; ; tries += 1) {
    const left = withinMs - spentMs();
    const found = await attempt(Math.max(1, Math.min(left, Math.max((left * 2) / 3, 1000))));
    if (found.ok && tries === 1) return found;
    if (found.ok) return { ...found, seen: `${found.seen}; passed at try ${tries}, after ${showMs(spentMs())}` };
    if (found.answered) answered = found;
    if (!found.silent) told = found;
    // As long as nobody answers, nobody is bothered.
    const pause = found.answered ? nextPause.paced() : nextPause.quick();
    const ended = endOf(found, pause, withinMs - spentMs(), withinMs, signal);
    if (ended === undefined) {
      const wait = Math.ceil(Math.max(pause, found.retryAfterMs ?? 0));
      if (found.refusedAt) await untilTaken(found.refusedAt, AbortSignal.any([signal, AbortSignal.timeout(wait)]));
      else await sleep(wait, undefined, { signal }).catch(() => undefined);
      continue;
    }
    const tried = `tried ${tries === 1 ? 'once' : `${tries} times`} in ${showMs(spentMs())}`;
    // An answer tells more than none does, and any word more than silence.
    const better = found.answered ? undefined : (answered ?? (found.silent ? told : undefined));
    const seen = better ? `${better.seen}; at the last try ${found.seen}` : found.seen;
    return { ...found, seen: `${seen}; ${ended}${tried}` };
  }
}

function pauses({ first, factor, longest }: Pace): () => number {
  let next = first;
  return () => {
    const pause = next;
    next = Math.min(next * factor, longest);
    return pause;
  };
}

/** Undefined while there is time for another try. */
function endOf(found: Try, pause: number, leftMs: number, withinMs: number, signal: AbortSignal): string | undefined {
  if (signal.aborted) return 'stopped, since the run was cancelled; ';
  if (found.final) return '';
  const { retryAfterMs = 0 } = found;
  if (retryAfterMs >= leftMs && leftMs > quick.longest) {
    return `it asks to wait ${showMs(retryAfterMs)}, which is more than the ${showMs(leftMs)} left of ${showMs(withinMs)}; `;
  }
  // A try with next to no time would fail for that alone.
  return Math.max(pause, retryAfterMs) + Math.min(200, withinMs / 10) >= leftMs ? '' : undefined;
}
