import { connect, type PeerCertificate } from 'node:tls';
import { fail } from '../../errors.js';
import { dayMs } from '../../lib/day.js';
import type { Check } from '../../model.js';
import type { CheckContext, Verdict } from './contract.js';
import { mismatch } from './expectation.js';
import { describe } from './matcher.js';
import { describeNetworkError } from './network-error.js';
import { poll, type Try } from './polling.js';
import { readAddress, readReach, type Reach } from './reach.js';
import { oneLine, showMs } from './shown.js';
import { fillText, named } from './values.js';

/** @default 10 s */
export const TLS_WITHIN_MS = 10_000;

interface Expected {
  /** Chain and name are right. @default true */
  trusted?: boolean;
  /** Days until the certificate expires. */
  days_left?: unknown;
}

/** Shakes hands with a server as browsers do, TLS 1.2 at least: is its chain trusted, is it for that name, how long is it valid? */
export async function runTlsCheck(check: Check, context: CheckContext): Promise<Verdict> {
  const expected = readExpected(check.expect);
  const url = urlOf(fillText(check.tls ?? '', context));
  const reach = await readReach(check, context);
  const expectedLine = `TLS of ${named(check.tls ?? '', context)}: ${describeExpected(expected, context)}`;
  const attempt = async (timeoutMs: number): Promise<Try> => {
    const found = await shakeHands(url, reach, timeoutMs, context.signal).catch((error: unknown) => error);
    if (found instanceof Error) return { ok: false, answered: false, seen: describeNetworkError(found, url) };
    return { ...judge(found as Handshake, expected, url, context), answered: true, final: true };
  };
  const { ok, seen } = await poll(check.withinMs ?? TLS_WITHIN_MS, context.signal, attempt);
  return { ok, expected: oneLine(expectedLine, context), seen: oneLine(seen, context) };
}

interface Handshake {
  /** Why it is not trusted. */
  refused?: Error;
  certificate: PeerCertificate;
  protocol: string;
}

function shakeHands(url: URL, { ca, address }: Reach, timeoutMs: number, cancelled: AbortSignal): Promise<Handshake> {
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: address?.host ?? name,
      port: address?.port ?? (Number(url.port) || 443),
      // An IP address is no name that could be sent.
      ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
      // What is wrong is told, not only that something is.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ...(ca ? { ca } : {}),
    });
    const end = (error?: Error) => {
      clearTimeout(timer);
      cancelled.removeEventListener('abort', stop);
      socket.destroy();
      if (error) reject(error);
    };
    const stop = () => end(new Error('the run was cancelled'));
    const timer = setTimeout(() => end(new Error(`no handshake within ${showMs(timeoutMs)}`)), timeoutMs);
    cancelled.addEventListener('abort', stop, { once: true });
    socket.once('error', end).once('secureConnect', () => {
      const refused = socket.authorizationError as Error | string | null;
      resolve({
        certificate: socket.getPeerCertificate(),
        protocol: socket.getProtocol() ?? '',
        ...(refused ? { refused: Object.assign(new Error(String(refused)), { code: String(refused) }) } : {}),
      });
      end();
    });
  });
}

function judge(found: Handshake, expected: Expected, url: URL, scope: CheckContext): Pick<Try, 'ok' | 'seen'> {
  const { certificate, refused, protocol } = found;
  const days = Math.floor((Date.parse(certificate.valid_to) - Date.now()) / dayMs);
  const trusted = expected.trusted ?? true;
  const problems = [
    trusted && refused ? describeRefused(refused, certificate, url) : undefined,
    !trusted && !refused ? 'it is trusted' : undefined,
    expected.days_left === undefined ? undefined : label(mismatch(expected.days_left, days, { scope })),
  ].filter((problem) => problem !== undefined);
  const told = `${protocol}, certificate for ${namesOf(certificate)}, ${days} days left`;
  return { ok: problems.length === 0, seen: [...problems, told].join('; ') };
}

function describeRefused(refused: Error, certificate: PeerCertificate, url: URL): string {
  const said = describeNetworkError(refused, url);
  return said.includes('for another name')
    ? `${said}, not for ${url.hostname}`
    : `${said} (until ${certificate.valid_to})`;
}

function namesOf(certificate: PeerCertificate): string {
  return certificate.subjectaltname ?? String(certificate.subject?.CN ?? 'nobody');
}

function label(problem: string | undefined): string | undefined {
  return problem && `days left ${problem}`;
}

function urlOf(text: string): URL {
  if (text.startsWith('https://') && URL.canParse(text)) return new URL(text);
  if (!text.includes('://')) {
    const { host, port } = readAddress(text.includes(':') ? text : `${text}:443`);
    return new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  }
  throw fail('Usage', `${JSON.stringify(text)} has no certificate: write an https URL or host:port`);
}

function readExpected(expect: unknown): Expected {
  const map = (expect ?? {}) as Expected;
  const unknown = Object.keys(map).find((key) => key !== 'trusted' && key !== 'days_left');
  if (unknown) throw fail('Usage', `a tls check cannot expect ${unknown}: there are trusted and days_left`);
  return map;
}

function describeExpected({ trusted = true, days_left }: Expected, scope: CheckContext): string {
  const days = days_left === undefined ? '' : `, days left ${describe(days_left, { scope }).replace(/^is /, '')}`;
  return `${trusted ? 'trusted, for that name' : 'not trusted'}${days}`;
}
