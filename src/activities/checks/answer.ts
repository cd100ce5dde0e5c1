import { fail } from '../../errors.js';
import { mismatch } from './expectation.js';
import { readPath } from './json-path.js';
import { describe, expectsAbsence } from './matcher.js';
import type { Answer } from './send.js';
import { showMs, showText, showValue } from './shown.js';
import type { Scope } from './values.js';

/** `expect` of an http check or a step, its short forms made long. */
export interface Expected {
  status: number | string | number[];
  json?: Record<string, unknown>;
  text?: unknown;
  header?: Record<string, unknown>;
  csv?: unknown;
  content_type?: string;
  time?: unknown;
}

const words = ['status', 'json', 'text', 'header', 'csv', 'content_type', 'time'];

/** `200`, `2xx`, `[200, 204]` or a map of words; without a status any 2xx. Throws Usage. */
export function readExpected(expect: unknown): Expected {
  const isMap = typeof expect === 'object' && expect !== null && !Array.isArray(expect);
  const map = isMap ? (expect as Partial<Expected>) : { status: expect as Expected['status'] };
  const unknown = Object.keys(map).find((key) => !words.includes(key));
  if (unknown) throw fail('Usage', `an http check cannot expect ${unknown}: there are ${words.join(', ')}`);
  const status = map.status ?? '2xx';
  const ok = (one: unknown) => Number.isInteger(one) && Number(one) >= 100 && Number(one) <= 599;
  if (
    ok(status) ||
    (Array.isArray(status) && status.length > 0 && status.every(ok)) ||
    /^[1-5]xx$/.test(String(status))
  ) {
    return { ...map, status };
  }
  throw fail('Usage', `${JSON.stringify(status)} is no status: write one such as 200, 2xx or [200, 204]`);
}

/** What is expected, as one line. */
export function describeExpected(expected: Expected, scope: Scope): string {
  const parts = [Array.isArray(expected.status) ? expected.status.join(' or ') : String(expected.status)];
  for (const [path, value] of Object.entries(expected.json ?? {})) parts.push(`${path} ${describe(value, { scope })}`);
  for (const [name, value] of Object.entries(expected.header ?? {}))
    parts.push(`header ${name} ${describe(value, { scope })}`);
  if (expected.text !== undefined) parts.push(`text ${describe(expected.text, { scope, literal: 'part' })}`);
  if (expected.csv !== undefined) parts.push(`first line ${describe(expected.csv, { scope })}`);
  if (expected.content_type) parts.push(`content type ${expected.content_type}`);
  if (expected.time !== undefined) parts.push(`time ${describe(expected.time, { scope })}`);
  return parts.join(', ');
}

/** Compares everything, so that one look shows all that is wrong. `seen` tells what came, whether it is as expected or not. */
export function judgeAnswer(answer: Answer, expected: Expected, scope: Scope): { ok: boolean; seen: string } {
  const problems: string[] = [];
  const told: string[] = [];
  const note = (name: string, problem: string | undefined, value?: string) => {
    if (problem) problems.push(`${name} ${problem}`.trim());
    else if (value) told.push(`${name} ${value}`);
  };
  const statusOk = isStatus(expected.status, answer.status);
  for (const [path, want] of Object.entries(expected.json ?? {})) {
    const whole = parseJson(answer, scope);
    if ('problem' in whole) {
      problems.push(whole.problem);
      break;
    }
    const found = readPath(whole.value, path);
    if (!found.found && !expectsAbsence(want)) problems.push(found.why);
    else
      note(
        path,
        mismatch(want, found.found ? found.value : undefined, { scope, path }),
        found.found ? showValue(found.value, scope, path) : undefined,
      );
  }
  for (const [name, want] of Object.entries(expected.header ?? {})) {
    note(`header ${name}`, mismatch(want, answer.headers[name.toLowerCase()], { scope, path: name }));
  }
  const { text } = answer;
  if (expected.text !== undefined && mismatch(expected.text, text, { scope, literal: 'part', multiline: true })) {
    problems.push(`the text is not as expected; ${beginning(text, scope)}`);
  }
  const [firstLine = ''] = text.split(/\r?\n/, 1);
  if (expected.csv !== undefined) note('first line', mismatch(expected.csv, firstLine, { scope }));
  const type = (answer.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (expected.content_type && expected.content_type.toLowerCase() !== type)
    problems.push(`content type is ${type || 'not given'}`);
  if (expected.time !== undefined) note('time', mismatch(expected.time, answer.tookMs, { scope, unit: 'duration' }));

  const head = `${answer.status}${redirect(answer)} in ${showMs(answer.tookMs)}`;
  if (statusOk && problems.length === 0) return { ok: true, seen: [head, ...told].join(', ') };
  const body = statusOk ? [] : [beginning(text, scope)];
  return { ok: false, seen: [head, ...problems, ...body].join('; ') };
}

/** The JSON of an answer; an error page with status 200 is called what it is. */
export function parseJson({ text, headers }: Answer, scope: Scope): { value: unknown } | { problem: string } {
  if (text.trim() === '') return { problem: 'the answer is empty where JSON was expected' };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    const isPage =
      /^\s*<(?:!doctype html|html|head|body)\b/i.test(text) || /^text\/html/i.test(headers['content-type'] ?? '');
    const title = /<title[^>]*>([^<]{1,200})/i.exec(text.slice(0, 20_000))?.[1]?.trim();
    if (isPage)
      return {
        problem: `an HTML page${title ? ` titled ${showText(title, scope)}` : ''} came where JSON was expected`,
      };
    return { problem: `the answer is no JSON; ${beginning(text, scope)}` };
  }
}

function isStatus(expected: Expected['status'], status: number): boolean {
  if (Array.isArray(expected)) return expected.includes(status);
  return typeof expected === 'string' && expected.endsWith('xx')
    ? expected[0] === String(status)[0]
    : Number(expected) === status;
}

function redirect({ status, headers }: Answer): string {
  return status >= 300 && status < 400 && headers.location
    ? ` to ${headers.location} (redirects are not followed)`
    : '';
}

function beginning(text: string, scope: Scope): string {
  if (text.trim() === '') return 'the answer is empty';
  const title = /^\s*</.test(text) ? /<title[^>]*>([^<]{1,200})/i.exec(text.slice(0, 20_000))?.[1] : undefined;
  if (title) return `an HTML page titled ${showText(title, scope)}`;
  try {
    return `the answer is ${showValue(JSON.parse(text), scope)}`;
  } catch {
    return `the answer begins ${showText(text, scope)}`;
  }
}
