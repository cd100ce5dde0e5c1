import type { Check } from '../../model.js';
import { describeExpected, judgeAnswer, readExpected } from './answer.js';
import type { Expected } from './answer.js';
import type { CheckContext, Verdict } from './contract.js';
import { poll } from './polling.js';
import type { Try } from './polling.js';
import { buildRequest, onlyReads } from './request.js';
import type { HttpRequest } from './request.js';
import { send } from './send.js';
import type { Answer } from './send.js';
import { oneLine } from './shown.js';
import type { Scope } from './values.js';

/** @default 10 s */
export const HTTP_WITHIN_MS = 10_000;

/** Asks until the answer is as expected or the deadline is over; what may change something is asked once. */
export async function runHttpCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const scope: Scope = { env: context.env, facts: context.facts };
  const request = buildRequest(check, context.baseUrl, scope);
  const expected = readExpected(check.expect);
  const wanted = oneLine(`${request.label}: ${describeExpected(expected, scope)}`, scope);
  const attempt = (timeoutMs: number) => tryOnce(request, expected, scope, timeoutMs, context.signal);
  const withinMs = check.withinMs ?? HTTP_WITHIN_MS;
  const repeats = onlyReads(check.http) && !check.changes;
  const { ok, seen } = repeats ? await poll(withinMs, context.signal, attempt) : once(await attempt(withinMs));
  return { ok, expected: wanted, seen: oneLine(seen, scope) };
}

async function tryOnce(
  request: HttpRequest,
  expected: Expected,
  scope: Scope,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Try> {
  const answer = await send(request, timeoutMs, signal);
  if ('problem' in answer) return { ok: false, seen: answer.problem, answered: answer.final, final: answer.final };
  return { ...judgeAnswer(answer, expected, scope), answered: true, ...retryAfter(answer) };
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
