import { setTimeout as sleep } from 'node:timers/promises';
import { parseDuration } from '../../definition/durations.js';
import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import { describeExpected, judgeAnswer, readExpected } from './answer.js';
import type { Expected } from './answer.js';
import { askAssets } from './assets.js';
import type { CheckContext, Verdict } from './contract.js';
import { noteLimit, USUAL_MS } from './limit.js';
import { poll } from './polling.js';
import type { Try } from './polling.js';
import { readReach } from './reach.js';
import { buildRequest, onlyReads } from './request.js';
import type { HttpRequest } from './request.js';
import { send } from './send.js';
import type { Answer } from './send.js';
import { oneLine, showMs } from './shown.js';
import type { Scope } from './values.js';

/** @default 10 s, and as long as `hold` takes */
export const HTTP_WITHIN_MS = 10_000;

/** What is looked for: in the answer, and in what its page needs. */
interface Look {
  request: HttpRequest;
  /** Each has to hold. */
  expected: Expected[];
  assets: boolean;
  scope: Scope;
  signal: AbortSignal;
}

/** Asks until the answer is as expected or the deadline is over; what may change something is asked once, or as often as `repeat` says. */
export async function runHttpCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const scope: Scope = { env: context.env, facts: context.facts };
  const request = buildRequest(check, context.baseUrl, scope, await readReach(check, context));
  const expected = [check.until, check.expect].filter((one) => one !== undefined).map(readExpected);
  if (expected.length === 0) expected.push(readExpected(undefined));
  const look: Look = { request, expected, assets: check.assets === true, scope, signal: context.signal };
  const withinMs = check.withinMs ?? HTTP_WITHIN_MS + holdMs(check);
  const wanted = `${request.label}: ${expected.map((one) => describeExpected(one, scope)).join(', ')}${describeManner(check)}`;
  const { ok, seen, retryAfterMs = 0 } = await ask(check, look, withinMs);
  if (check.repeat !== undefined && retryAfterMs > 0) await noteLimit(context, retryAfterMs);
  return { ok, expected: oneLine(wanted, scope), seen: oneLine(seen, scope) };
}

/** How long the answer has to stay as expected; part of the check's deadline. */
export function holdMs(check: Check): number {
  const { hold } = check as { hold?: string };
  return hold === undefined ? 0 : (parseDuration(hold) ?? 0);
}

async function ask(check: Check, look: Look, withinMs: number): Promise<Pick<Try, 'ok' | 'seen' | 'retryAfterMs'>> {
  const reads = onlyReads(check.http) && !check.changes;
  if (check.repeat !== undefined) return repeat(look, Number(check.repeat), withinMs);
  if (!reads && (check.until !== undefined || check.hold !== undefined))
    throw fail('Usage', `until and hold ask again and again, which ${String(check.http)} must not be: ask with GET`);
  if (!reads) return once(await tryOnce(look, withinMs));
  const hold = holdMs(check);
  if (hold >= withinMs)
    throw fail('Usage', `the answer cannot hold for ${showMs(hold)} within ${showMs(withinMs)}: give it longer`);
  const found = await poll(withinMs - hold, look.signal, (timeoutMs) => tryOnce(look, timeoutMs));
  return found.ok && hold > 0 ? holds(look, hold, found) : found;
}

async function tryOnce(look: Look, timeoutMs: number): Promise<Try> {
  const { request, expected, scope, signal } = look;
  const start = performance.now();
  const answer = await send(request, timeoutMs, signal);
  if ('problem' in answer) {
    const { problem, ...more } = answer;
    return { ok: false, seen: problem, answered: answer.final, ...more };
  }
  const judged = expected.map((one) => judgeAnswer(answer, one, scope));
  const found = judged.find(({ ok }) => !ok) ?? judged[0]!;
  if (!found.ok || !look.assets)
    return { ...found, answered: true, limited: answer.status === 429, ...retryAfter(answer) };
  const assets = await askAssets(request, answer.text, timeoutMs - (performance.now() - start), signal);
  return { ok: assets.ok, seen: `${found.seen}; ${assets.seen}`, answered: true };
}

/** One answer that is not as expected ends it: what comes and goes is no success. */
async function holds(look: Look, hold: number, first: Try): Promise<Try> {
  const start = performance.now();
  const pause = Math.min(1000, Math.max(50, hold / 10));
  for (let asked = 1; ; asked += 1) {
    const held = performance.now() - start;
    if (held >= hold) return { ...first, seen: `${first.seen}; held ${showMs(held)}, asked ${asked} times` };
    await sleep(Math.min(pause, hold - held), undefined, { signal: look.signal }).catch(() => undefined);
    const found = await tryOnce(look, HTTP_WITHIN_MS);
    if (!found.ok)
      return { ...found, seen: `it did not hold: after ${showMs(performance.now() - start)} ${found.seen}` };
  }
}

/** One after the other, as often as it says at most, until the answer is as expected: what a limit of requests does. */
async function repeat(look: Look, times: number, withinMs: number): Promise<Try> {
  const start = performance.now();
  let limitedMs = 0;
  for (let asked = 1; ; asked += 1) {
    const left = withinMs - (performance.now() - start);
    const found = await tryOnce(look, Math.max(1, left));
    if (found.limited) limitedMs = found.retryAfterMs ?? USUAL_MS;
    const over = found.ok || look.signal.aborted || found.final || asked >= times || left <= 0;
    if (!over) continue;
    const of = found.ok || asked >= times ? '' : ` of ${times}`;
    const seen = `${found.seen}; asked ${asked} times${of} in ${showMs(performance.now() - start)}`;
    return { ...found, seen, retryAfterMs: limitedMs };
  }
}

/** Only where the server refuses for a while: other answers may carry the header, too. */
export function retryAfter({ status, headers }: Answer): Pick<Try, 'retryAfterMs'> {
  const text = headers['retry-after'];
  if (!text || (status !== 429 && status !== 503)) return {};
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? { retryAfterMs: ms } : {};
}

function once({ ok, seen }: Try): Pick<Try, 'ok' | 'seen'> {
  return { ok, seen: ok ? seen : `${seen}; asked once, since asking again could change something twice` };
}

function describeManner(check: Check): string {
  const { hold, repeat: times, assets } = check as { hold?: string; repeat?: number; assets?: boolean };
  const held = hold === undefined ? '' : ` for ${hold}`;
  const repeated = times === undefined ? '' : ` once it was asked at most ${times} times`;
  return `${held}${repeated}${assets ? ', and so its scripts and styles' : ''}`;
}
