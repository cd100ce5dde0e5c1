import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import type { CheckContext, Verdict } from './contract.js';
import { poll, type Try } from './polling.js';
import { samplesIn } from './prometheus.js';
import { readReach } from './reach.js';
import { buildRequest, type HttpRequest } from './request.js';
import { send } from './send.js';
import { oneLine, showText } from './shown.js';
import type { Scope } from './values.js';

/** @default 10 s */
export const METRICS_WITHIN_MS = 10_000;

interface Expected {
  /** A metric that has a sample, with labels or without: `up`, `up{job="api"}`. */
  sample?: string;
  /** Refused without the credentials. */
  closed?: boolean;
}

/** Asks for metrics as Prometheus does: the answer is text that it can parse, and nobody else gets it where it should be closed. */
export async function runMetricsCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const expected = readExpected(check);
  const scope: Scope = { env: context.env, facts: context.facts };
  const reach = await readReach(check, context);
  const request = buildRequest({ ...check, http: check.metrics ?? '' }, context.baseUrl, scope, reach);
  const { authorization: _, ...headers } = request.headers;
  const attempt = async (timeoutMs: number): Promise<Try> => {
    const found = await askMetrics(request, expected, scope, timeoutMs, context.signal);
    if (!found.ok || expected.closed === undefined) return found;
    const open = await askClosed({ ...request, headers }, expected.closed, timeoutMs, context.signal);
    return { ...open, seen: `${found.seen}; ${open.seen}` };
  };
  const { ok, seen } = await poll(check.withinMs ?? METRICS_WITHIN_MS, context.signal, attempt);
  return {
    ok,
    expected: oneLine(`${request.label}: ${describeExpected(expected)}`, scope),
    seen: oneLine(seen, scope),
  };
}

async function askMetrics(
  request: HttpRequest,
  { sample }: Expected,
  scope: Scope,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Try> {
  const answer = await send(request, timeoutMs, signal);
  if ('problem' in answer) return { ok: false, answered: answer.final, seen: answer.problem, final: answer.final };
  const no = (seen: string): Try => ({ ok: false, answered: true, seen: `${answer.status}; ${seen}` });
  if (answer.status !== 200) return no(`the answer begins ${showText(answer.text, scope)}`);
  const samples = samplesIn(answer.text);
  if ('problem' in samples) return no(`${samples.problem}: ${showText(samples.line, scope)}`);
  if (samples.names.length === 0) return no('there is no sample in the answer');
  const [name, ...labels] = (sample ?? '').replace(/\}$/, '').split(/[{,]/);
  const found = samples.names.some((one) => one.name === name && labels.every((label) => one.labels.includes(label)));
  if (sample && !found) return no(`no sample of ${sample} among ${samples.names.length}`);
  return { ok: true, answered: true, seen: `${samples.names.length} samples${sample ? `, ${sample} among them` : ''}` };
}

async function askClosed(request: HttpRequest, closed: boolean, timeoutMs: number, signal: AbortSignal): Promise<Try> {
  const answer = await send({ ...request, headOnly: true }, timeoutMs, signal);
  if ('problem' in answer) return { ok: false, answered: answer.final, seen: answer.problem, final: answer.final };
  const refused = [401, 403, 404].includes(answer.status);
  return { ok: refused === closed, answered: true, seen: `without credentials ${answer.status}` };
}

function readExpected({ expect, basic, bearer }: Check): Expected {
  const map = (expect ?? {}) as Expected;
  const unknown = Object.keys(map).find((key) => key !== 'sample' && key !== 'closed');
  if (unknown) throw fail('Usage', `a metrics check cannot expect ${unknown}: there are sample and closed`);
  if (map.closed && basic === undefined && bearer === undefined)
    throw fail('Usage', 'closed: true needs basic or bearer: without them nothing could be answered');
  return map;
}

function describeExpected({ sample, closed }: Expected): string {
  const without = closed === undefined ? '' : `, ${closed ? 'refused' : 'answered'} without credentials`;
  return `metrics that can be parsed${sample ? `, with ${sample}` : ''}${without}`;
}
