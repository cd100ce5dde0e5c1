import { fail, failureType, rootMessage } from '../../errors.js';
import type { Check, FlowStep } from '../../model.js';
import { describeExpected, judgeAnswer, parseJson, readExpected } from './answer.js';
import type { CheckContext, Verdict } from './contract.js';
import { CookieJar } from './cookies.js';
import { retryAfter } from './http.js';
import { readPath } from './json-path.js';
import { gentle, poll } from './polling.js';
import type { Try } from './polling.js';
import { listMade } from './made.js';
import { readReach, type Reach } from './reach.js';
import { buildRequest, onlyReads } from './request.js';
import type { HttpRequest } from './request.js';
import { send } from './send.js';
import type { Answer } from './send.js';
import { oneLine, showMs } from './shown.js';
import type { Scope } from './values.js';

/** @default 30 s */
export const FLOW_WITHIN_MS = 30_000;
/** Cleaning up gets this long, also after the deadline and after a cancel. */
/** Of what was made, in characters. */
const LISTED = 200;
const CLEANUP_MS = 5_000;

/** Requests in order, as one user with one set of cookies; tried again only as a whole, and once where `changes` says so. */
export async function runFlowCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const steps = check.flow ?? [];
  if (steps.length === 0) throw fail('Usage', 'a flow needs at least one step, for example { http: /health }');
  const cleanup = check.finally ?? [];
  const withinMs = check.withinMs ?? FLOW_WITHIN_MS;
  const { csrf } = check as { csrf?: Csrf };
  const made = new Set<string>();
  const ways = { reach: await readReach(check, context), made, ...(csrf ? { csrf } : {}) };
  const deadline = performance.now() + withinMs;
  // What is waited for may take all the time there is: then there is one try.
  const waits = steps.some(({ until }) => until !== undefined);
  const attempt = (timeoutMs: number) =>
    tryFlow(steps, cleanup, context, ways, waits ? deadline - performance.now() : timeoutMs);
  const expected = describeFlow(steps, context);
  const { ok, seen } = check.changes ? await attempt(withinMs) : await poll(withinMs, context.signal, attempt, gentle);
  const note = check.changes && !ok ? '; tried once, since the flow changes something' : '';
  return { ok, expected, seen: withMade(oneLine(seen + note, context), made) };
}

/** Of both the beginning is left. */
function withMade(seen: string, made: Set<string>): string {
  const list = [...made].join('; ').slice(0, LISTED);
  if (!list) return seen;
  return `${seen.length + list.length > 490 ? `${seen.slice(0, 480 - LISTED)}…` : seen}; ${list}`;
}

/** A cookie's value goes back in a header, from the public host. */
interface Csrf {
  cookie: string;
  header: string;
}
interface Ways {
  reach: Reach;
  /** What all tries made. */
  made: Set<string>;
  csrf?: Csrf;
}

/** One user's session. */
interface Session extends Ways {
  scope: Scope & { saved: Record<string, unknown> };
  jar: CookieJar;
  baseUrl: string;
  signal: AbortSignal;
}

async function tryFlow(
  steps: FlowStep[],
  cleanup: FlowStep[],
  context: CheckContext,
  ways: Ways,
  timeoutMs: number,
): Promise<Try> {
  const { env, facts, baseUrl, signal } = context;
  const session: Session = { scope: { env, facts, saved: {} }, jar: new CookieJar(), baseUrl, signal, ...ways };
  const done: FlowStep[] = [];
  const start = performance.now();
  let result: Try = { ok: true, answered: true, seen: '' };
  for (const [i, step] of steps.entries()) {
    // The steps share the time of the try: one that hangs does not get more than is left.
    result = await tryStep(step, `step ${i + 1}`, session, timeoutMs - (performance.now() - start)).catch(asTry);
    if (!result.ok) break;
    done.push(step);
  }
  if (result.ok)
    result.seen = `${steps.length} steps in ${showMs(performance.now() - start)}; the last one: ${result.seen}`;
  const left = await cleanUp(cleanup, { ...session, signal: AbortSignal.timeout(CLEANUP_MS) });
  const seen = left ? `${result.seen}; ${left}` : result.seen;
  // Hidden here, while the values are known: tokens and cookies end with the try.
  for (const line of listMade(done, [...steps, ...cleanup], left === undefined ? cleanup : [], session.scope))
    ways.made.add(line);
  return { ...result, ok: result.ok && !left, seen: oneLine(hideCookies(seen, session.jar), session.scope) };
}

async function tryStep(step: FlowStep, name: string, session: Session, timeoutMs: number): Promise<Try> {
  const label = `${name}: ${step.http}`;
  if (timeoutMs <= 0) return { ok: false, answered: false, seen: `${label}: no time was left for it` };
  if (step.until === undefined) return askStep(step, label, session, timeoutMs);
  if (!onlyReads(step.http))
    throw fail('Usage', `${label}: until asks again and again, which must not be done: ask with GET`);
  const found = await poll(timeoutMs, session.signal, (oneMs) => askStep(step, label, session, oneMs));
  // The steps before it are not done again for what did not come in all the time there was.
  return { ...found, final: !found.ok };
}

async function askStep(step: FlowStep, label: string, session: Session, timeoutMs: number): Promise<Try> {
  const { scope, jar } = session;
  const request = buildRequest(step, session.baseUrl, scope, session.reach);
  addSession(request, session);
  const answer = await send(request, timeoutMs, session.signal);
  if ('problem' in answer)
    return { ok: false, seen: `${label}: ${answer.problem}`, answered: answer.final, final: answer.final };
  jar.keep(request.url, answer.cookies);
  // Before it is judged: what a half-failed step has made can then be removed, and its token is known to be hidden.
  const unsaved = saveFrom(answer, step.save ?? {}, scope);
  const expected = readExpected(step.until ?? step.expect);
  const { ok, seen } = judgeAnswer(answer, expected, scope);
  const rest = ok ? (unsaved ? `; ${unsaved}` : '') : ` (expected ${describeExpected(expected, scope)})`;
  return { ok: ok && !unsaved, answered: true, seen: `${label}: ${seen}${rest}`, ...retryAfter(answer) };
}

/** Its cookies; and for what changes something the proof that it comes from a page of the public host. */
function addSession(request: HttpRequest, { jar, csrf, scope }: Session): void {
  const { headers, url } = request;
  const cookie = [headers.cookie, jar.header(url)].filter(Boolean).join('; ');
  if (cookie) headers.cookie = cookie;
  if (!csrf || ['GET', 'HEAD'].includes(request.method)) return;
  const token = jar.value(url, csrf.cookie);
  if (token) headers[csrf.header.toLowerCase()] ??= decoded(token);
  headers.origin ??= new URL(scope.facts.url).origin;
  headers.referer ??= `${new URL(scope.facts.url).origin}/`;
}

/** Some send the cookie percent-encoded and want the header as it is. */
function decoded(token: string): string {
  return /^(?:[^%]|%[\dA-Fa-f]{2})*$/.test(token) ? decodeURIComponent(token) : token;
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
    steps
      .map((step) => `${step.http}: ${describeExpected(readExpected(step.until ?? step.expect), scope)}`)
      .join('; then '),
    { env, facts },
  );
}
