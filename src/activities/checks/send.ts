import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { Agent, request as ask } from 'undici';
import type { Place } from './knock.js';
import { describeNetworkError, isRefused } from './network-error.js';
import { connectorFor } from './reach.js';
import type { HttpRequest } from './request.js';
import { showMs } from './shown.js';
import { turnAt } from './turn.js';

export interface Answer {
  status: number;
  /** Names in small letters; several values joined by `, `. */
  headers: Record<string, string>;
  cookies: string[];
  text: string;
  /** Until its last byte. */
  tookMs: number;
}
/** Why there is no whole answer; `final` when asking again cannot help. */
export interface NoAnswer {
  problem: string;
  final: boolean;
  /** Nothing at all came in time. */
  silent?: boolean;
  /** Nothing listens there. */
  refusedAt?: Place;
}

const LARGEST = 1024 * 1024;

/**
 * Sends one request over a connection of its own, which ends with it: a stale socket or a process that is about to go cannot answer for
 * the new one. Redirects are not followed, certificates are verified whatever the environment says, an answer over 1 MiB is none.
 */
export async function send(
  request: HttpRequest,
  timeoutMs: number,
  cancelled: AbortSignal,
): Promise<Answer | NoAnswer> {
  const endTurn = await turnAt(new URL(request.url).origin);
  const agent = new Agent({
    pipelining: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: connectorFor(request.reach),
  });
  const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
  const signal = AbortSignal.any([timeout, cancelled]);
  const start = performance.now();
  let began: number | undefined;
  try {
    const { method, headers, body } = request;
    const response = await ask(request.url, {
      method: method as 'GET',
      headers,
      body: body ?? null,
      dispatcher: agent,
      signal,
    });
    began = response.statusCode;
    const flat = Object.entries(response.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]);
    const answer = {
      status: began,
      headers: Object.fromEntries(flat) as Record<string, string>,
      cookies: [response.headers['set-cookie'] ?? []].flat(),
    };
    if (request.headOnly) {
      response.body.on('error', () => undefined).destroy();
      return { ...answer, text: '', tookMs: performance.now() - start };
    }
    if (Number(response.headers['content-length']) > LARGEST && method !== 'HEAD') return tooLarge(began);
    const bytes = await readAtMost(response.body);
    if (!bytes) return tooLarge(began);
    const plain = unpack(bytes, String(response.headers['content-encoding'] ?? ''));
    if (!plain) return tooLarge(began);
    return { ...answer, text: plain.toString('utf8'), tookMs: performance.now() - start };
  } catch (error) {
    if (cancelled.aborted) return { problem: 'the run was cancelled', final: true };
    if (!timeout.aborted) {
      const problem = describeNetworkError(error, request.url);
      return { problem, final: false, ...(isRefused(error) ? { refusedAt: placeOf(request) } : {}) };
    }
    const how = began === undefined ? 'no answer' : `${began}, but the answer did not end`;
    return { problem: `${how} within ${showMs(timeoutMs)}`, final: false, silent: began === undefined };
  } finally {
    endTurn();
    await agent.destroy().catch(() => undefined);
  }
}

function placeOf({ url, reach }: HttpRequest): Place {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  return reach?.address ?? { host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

function tooLarge(status: number): NoAnswer {
  return { problem: `${status}, but the answer is larger than 1 MiB: ask for less`, final: true };
}

async function readAtMost(body: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LARGEST) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Some servers compress although they were asked not to. */
function unpack(bytes: Buffer, encoding: string): Buffer | undefined {
  const unpackers: Record<string, typeof gunzipSync> = {
    gzip: gunzipSync,
    deflate: inflateSync,
    br: brotliDecompressSync,
  };
  const unpacker = unpackers[encoding];
  if (!unpacker || bytes.length === 0) return bytes;
  try {
    return unpacker(bytes, { maxOutputLength: LARGEST });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}
