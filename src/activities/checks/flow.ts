import { fail, failureType, rootMessage } from '../../errors.js';
import type { Check, FlowStep } from '../../model.js';
import { describeExpected, judgeAnswer, parseJson, readExpected } from './answer.js';
import type { CheckContext, Verdict } from './contract.js';
import { CookieJar } from './cookies.js';
import { retryAfter } from './http.js';
import { readPath } from './json-path.js';
import { gentle, poll } from './polling.js';
import type { Try } from './polling.js';
import { buildRequest } from './request.js';
import { send } from './send.js';
import type { Answer } from './send.js';
import { oneLine, showMs } from './shown.js';
import type { Scope } from './values.js';

/** @default 30 s */
export const FLOW_WITHIN_MS = 30_000;
/** Cleaning up gets this long, also after the deadline and after a cancel. */
const CLEANUP_MS = 5_000;

/** Requests in order, as one user with one set of cookies; tried again only as a whole, and once where `changes` says so. */
export async function runFlowCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const steps = check.flow ?? [];
  if (steps.length === 0) throw fail('Usage', 'a flow needs at least one step, for example { http: /health }');
  const cleanup = check.finally ?? [];
  const withinMs = check.withinMs ?? FLOW_WITHIN_MS;
  const attempt = (timeoutMs: number) => tryFlow(steps, cleanup, context, timeoutMs);
  const expected = describeFlow(steps, context);
  const { ok, seen } = check.changes ? await attempt(withinMs) : await poll(withinMs, context.signal, attempt, gentle);
  const note = check.changes && !ok ? '; tried once, since the flow changes something' : '';
  return { ok, expected, seen: oneLine(seen + note, context) };
}

/** One user's session. */
interface Session {
  scope: Scope & { saved: Record<string, unknown> };
  jar: CookieJar;
  baseUrl: string;
  signal: AbortSignal;
}

async function tryFlow(steps: FlowStep[], cleanup: FlowStep[], context: CheckContext, timeoutMs: number): Promise<Try> {
  const { env, facts, baseUrl, signal } = context;
  const session: Session = { scope: { env, facts, saved: {} }, jar: new CookieJar(), baseUrl, signal };
  const start = performance.now();
  let result: Try = { ok: true, answered: true, seen: '' };
  for (const [i, step] of steps.entries()) {
    // The steps share the time of the try: one that hangs does not get more than is left.
    result = await tryStep(step, `step ${i + 1}`, session, timeoutMs - (performance.now() - start)).catch(asTry);
    if (!result.ok) break;
  }
  if (result.ok)
    result.seen = `${steps.length} steps in ${showMs(performance.now() - start)}; the last one: ${result.seen}`;
  const left = await cleanUp(cleanup, { ...session, signal: AbortSignal.timeout(CLEANUP_MS) });
  const seen = left ? `${result.seen}; ${left}` : result.seen;
  // Hidden here, while the values are known: tokens and cookies end with the try.
  return { ...result, ok: result.ok && !left, seen: oneLine(hideCookies(seen, session.jar), session.scope) };
}

async function tryStep(step: FlowStep, name: string, session: Session, timeoutMs: number): Promise<Try> {
  const { scope, jar } = session;
  const label = `${name}: ${step.http}`;
  if (timeoutMs <= 0) return { ok: false, answered: false, seen: `${label}: no time was left for it` };
  const request = buildRequest(step, session.baseUrl, scope);
  const cookie = [request.headers.cookie, jar.header(request.url)].filter(Boolean).join('; ');
  if (cookie) request.headers.cookie = cookie;
  const answer = await send(request, timeoutMs, session.signal);
  if ('problem' in answer)
    return { ok: false, seen: `${label}: ${answer.problem}`, answered: answer.final, final: answer.final };
  jar.keep(request.url, answer.cookies);
  // Before it is judged: what a half-failed step has made can then be removed, and its token is known to be hidden.
  const unsaved = saveFrom(answer, step.save ?? {}, scope);
  const expected = readExpected(step.expect);
  const { ok, seen } = judgeAnswer(answer, expected, scope);
  const rest = ok ? (unsaved ? `; ${unsaved}` : '') : ` (expected ${describeExpected(expected, scope)})`;
  return { ok: ok && !unsaved, answered: true, seen: `${label}: ${seen}${rest}`, ...retryAfter(answer) };
}

/** Takes what later steps need; undefined when all of it was there. */
function saveFrom(answer: Answer, save: Record<string, string>, scope: Session['scope']): string | undefined {
  if (Object.keys(save).length === 0) return undefined;
  const whole = parseJson(answer, scope);
  if ('problem' in whole) return `nothing to save: ${whole.problem}`;
  for (const [name, path] of Object.entries(save)) {
    const found = readPath(whole.value, path);
    if (!found.found) return `${name} cannot be saved: ${found.why}`;
    if (found.value === null || found.value === '') return `${name} cannot be saved: ${path} is empty`;
    scope.saved[name] = found.value;
  }
  return undefined;
}

/** Tries each, whatever becomes of the others; says what may be left behind. A step that needs what was never saved has nothing to remove. */
async function cleanUp(cleanup: FlowStep[], session: Session): Promise<string | undefined> {
  const failed: string[] = [];
  for (const [i, step] of cleanup.entries()) {
    if (needsUnsaved(step, session.scope)) continue;
    const result = await tryStep(step, `finally step ${i + 1}`, session, CLEANUP_MS).catch(asTry);
    if (!result.ok) failed.push(result.seen);
  }
  return failed.length ? `what the flow made may be left behind: ${failed.join('; ')}` : undefined;
}

function needsUnsaved(step: FlowStep, scope: Session['scope']): boolean {
  const names = [...JSON.stringify(step).matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  return names.some((name) => !Object.hasOwn(scope.saved, name) && !Object.hasOwn(scope.facts, name));
}

/** A mistake in the definition stays one at the next try. */
function asTry(error: unknown): Try {
  return { ok: false, answered: true, seen: rootMessage(error), final: failureType(error) === 'Usage' };
}

function hideCookies(text: string, jar: CookieJar): string {
  return jar
    .values()
    .filter((value) => value.length >= 6)
    .reduce((shown, value) => shown.replaceAll(value, '[redacted]'), text);
}

function describeFlow(steps: FlowStep[], { env, facts }: CheckContext): string {
  // What steps save is known by name alone, before they ran.
  const saved = Object.fromEntries(steps.flatMap((step) => Object.keys(step.save ?? {})).map((name) => [name, '']));
  const scope: Scope = { env, facts, saved };
  return oneLine(
    steps.map((step) => `${step.http}: ${describeExpected(readExpected(step.expect), scope)}`).join('; then '),
    { env, facts },
  );
}
