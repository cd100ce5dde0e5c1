import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkServerIdentity, rootCertificates } from 'node:tls';
import { buildConnector } from 'undici';
import { fail } from '../../errors.js';
import type { Check } from '../../model.js';
import type { CheckContext } from './contract.js';
import { fillText } from './values.js';

/** How a server is reached and trusted, where that is not what its URL says. */
export interface Reach {
  /** Authorities to trust, in PEM; the usual ones without it. */
  ca?: string[];
  address?: { host: string; port: number };
}

/** Reads `ca` and `address` of a check. Throws Usage for a file that holds no certificate. */
export async function readReach(check: Check, context: CheckContext): Promise<Reach> {
  const { ca, address } = check as { ca?: string; address?: string };
  return {
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ...(await readAuthorities(ca, context))] }),
    ...(address === undefined ? {} : { address: readAddress(fillText(address, context)) }),
  };
}

/** Connects as undici does, with strict TLS whatever the environment says; name and certificate stay those of the URL. */
export function connectorFor({ ca, address }: Reach = {}): buildConnector.connector {
  const strict = { timeout: 0, rejectUnauthorized: true, minVersion: 'TLSv1.2' as const, ...(ca ? { ca } : {}) };
  if (!address) return buildConnector(strict);
  return (options, callback) => {
    const named = options.hostname.replace(/^\[|\]$/g, '');
    const connect = buildConnector({ ...strict, checkServerIdentity: (_, cert) => checkServerIdentity(named, cert) });
    connect({ ...options, hostname: address.host, port: String(address.port) }, callback);
  };
}

/** `host:port`. Throws Usage. */
export function readAddress(text: string): { host: string; port: number } {
  const [, host, port] = /^(?:\[?([^\s/\]]+)\]?):(\d{1,5})$/.exec(text) ?? [];
  if (host && Number(port) > 0 && Number(port) < 65_536) return { host, port: Number(port) };
  throw fail('Usage', `${JSON.stringify(text)} is no address: write host:port`);
}

/** A file may hold several. */
async function readAuthorities(ca: string, context: CheckContext): Promise<string[]> {
  const path = resolve(context.definition.directory, fillText(ca, context));
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (typeof text !== 'string') throw fail('Usage', `ca: ${path} cannot be read (${text.code}): correct the path`);
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const pem of found) new X509Certificate(pem);
  } catch {
    throw fail('Usage', `ca: ${path} holds a certificate that cannot be read`);
  }
  if (found.length > 0) return found;
  throw fail('Usage', `ca: ${path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)`);
}
