import { fail } from '../../errors.js';
import type { Reach } from './reach.js';
import { fillText, fillValue, named } from './values.js';
import type { Scope } from './values.js';

/** What an http check and a step of a flow have in common. */
export interface RequestOptions {
  http?: string;
  headers?: Record<string, string>;
  body?: unknown;
  basic?: [string, string];
  bearer?: string;
}

/** A request with everything filled in, secrets included: never shown. `label` is for people. */
export interface HttpRequest {
  label: string;
  method: string;
  url: URL;
  headers: Record<string, string>;
  body?: string;
  reach?: Reach;
  /** Only status and headers are of interest: the body is not read. */
  headOnly?: boolean;
}

/** Reads `POST /path` or a whole URL. Throws Usage for what is neither. */
export function buildRequest(options: RequestOptions, baseUrl: string, scope: Scope, reach?: Reach): HttpRequest {
  const { method, target } = splitTarget(options.http ?? '');
  const headers = headersOf(options, scope);
  const body = options.body === undefined ? undefined : bodyOf(options.body, headers, scope);
  return {
    label: `${method} ${named(target, scope)}`,
    method,
    url: urlOf(target, baseUrl, scope),
    headers,
    ...(body === undefined ? {} : { body }),
    ...(reach === undefined ? {} : { reach }),
  };
}

/** Whether asking twice is the same as asking once. */
export function onlyReads(http: string | undefined): boolean {
  return ['GET', 'HEAD'].includes(splitTarget(http ?? '').method);
}

function splitTarget(http: string): { method: string; target: string } {
  const [, method = 'GET', target] = /^(?:(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) )?(\S+)$/.exec(http) ?? [];
  if (target && /^(?:\/|https?:\/\/|\{url\}|\$\w)/.test(target)) return { method, target };
  throw fail(
    'Usage',
    `${JSON.stringify(http)} is no request: write a path such as /health, POST /api/jobs, or a whole URL`,
  );
}

function urlOf(target: string, baseUrl: string, scope: Scope): URL {
  // Only what comes from outside is encoded: a saved id cannot become another path.
  const filled = fillText(target, scope, encodeURIComponent);
  const text = filled.startsWith('/') ? baseUrl.replace(/\/+$/, '') + filled : filled;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw fail('Usage', `${named(target, scope)} gives no http or https URL: correct it, or url in the definition`);
}

function headersOf({ headers = {}, basic, bearer }: RequestOptions, scope: Scope): Record<string, string> {
  const filled: Record<string, string> = {
    accept: '*/*',
    'accept-encoding': 'identity',
    'user-agent': 'slipway-check',
  };
  for (const [name, value] of Object.entries(headers)) filled[name.toLowerCase()] = fillText(value, scope);
  if (bearer !== undefined) filled.authorization = `Bearer ${fillText(bearer, scope)}`;
  if (basic)
    filled.authorization = `Basic ${Buffer.from(`${fillText(basic[0], scope)}:${fillText(basic[1], scope)}`).toString('base64')}`;
  for (const [name, value] of Object.entries(filled)) {
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value))
      throw fail(
        'Usage',
        `the header ${name} would hold a line break or control character: look at the variable it is made of`,
      );
  }
  return filled;
}

function bodyOf(body: unknown, headers: Record<string, string>, scope: Scope): string {
  if (typeof body === 'string') return fillText(body, scope);
  headers['content-type'] ??= 'application/json';
  return JSON.stringify(fillValue(body, scope));
}
