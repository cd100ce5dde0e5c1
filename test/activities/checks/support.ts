import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer as createTlsServer, type ServerOptions as TlsServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { CheckContext, Facts } from '../../../src/activities/checks/contract.js';
import type { StepContext } from '../../../src/activities/context.js';
import { readRows } from '../../../src/activities/data/sqlite/read-rows.js';
import { fail } from '../../../src/errors.js';
import { runAttached } from '../../../src/lib/command.js';
import { EnvFile } from '../../../src/lib/env-file.js';
import type { Definition } from '../../../src/model.js';

export const facts: Facts = {
  version: '1.4.2',
  sha: '0123456789abcdef0123456789abcdef01234567',
  url: 'https://shop.example.com',
  domain: 'shop.example.com',
  date: '2026-11-21',
  timestamp: '20261121T114252Z',
  run: '20261121T114252Z-1a2b3c',
};

interface Setting {
  baseUrl?: string;
  variables?: Record<string, string>;
  definition?: Partial<Definition>;
  more?: Partial<CheckContext>;
}

/** A context with a real env file and a real way to run commands. */
export function contextWith({
  baseUrl = 'http://127.0.0.1:9',
  variables = {},
  definition = {},
  more = {},
}: Setting = {}): CheckContext {
  const directory = temporaryFolder();
  writeFileSync(
    join(directory, '.env'),
    Object.entries(variables)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(''),
  );
  const env = EnvFile.read(join(directory, '.env'));
  const read: CheckContext['read'] = ({ argv, deadlineMs = 5000, env: added = {}, input }) =>
    runAttached({
      argv,
      cwd: directory,
      env: { PATH: process.env.PATH ?? '', ...env.child(), ...added },
      deadlineMs,
      redactor: env.redactor,
      ...(input === undefined ? {} : { input }),
    });
  return {
    env,
    definition: {
      directory,
      databases: {},
      preflight: {},
      verify: {},
      positions: {},
      ...definition,
    } as unknown as Definition,
    facts,
    baseUrl,
    signal: new AbortController().signal,
    read,
    look: read,
    sqliteRows: (database, sql, deadlineMs, file) => {
      const found = definition.databases?.[database];
      const path = file ?? join(directory, found && 'sqlite' in found ? found.sqlite.file : '');
      const asking: Pick<StepContext, 'read'> = {
        read: async (request) => {
          const result = await read({ ...request, deadlineMs });
          if (result.timedOut) throw fail('Timeout', 'it was ended');
          if (result.exitCode !== 0)
            throw fail('CommandFailed', `it ended with exit code ${result.exitCode}: ${result.tail.trim()}`);
          return result;
        },
      };
      const step = { ...asking, tools: { find: () => Promise.resolve('python3') } };
      return readRows(step as unknown as StepContext, path, sql);
    },
    ...more,
  };
}

/** A real server on a free port, ended with the test. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers every request with this JSON. */
export function serveJson(value: unknown, status = 200): Promise<string> {
  return serve((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  });
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-checks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder with an authority and what it vouches for, made by openssl. */
export interface Certificates {
  folder: string;
  /** PEM file of the authority. */
  ca: string;
  /** Key and certificate for these names, vouched for unless `self`; `days` may be negative. */
  issue(name: string, options?: { days?: number; self?: boolean }): { key: string; cert: string };
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-certificates-'));
  const openssl = (...argv: string[]) => execFileSync('openssl', argv, { cwd: folder, stdio: 'pipe' });
  const key = (name: string) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
  key('ca');
  openssl('req', '-x509', '-key', 'ca.key', '-days', '30', '-subj', '/CN=Slipway test authority', '-out', 'ca.crt');
  writeFileSync(join(folder, 'index.txt'), '');
  let made = 0;
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  const time = (days: number) =>
    `${new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '')}`;
  return {
    folder,
    ca: join(folder, 'ca.crt'),
    issue: (name, { days = 20, self = false } = {}) => {
      const file = `c${(made += 1)}`;
      const request = ['req', '-new', '-key', `${file}.key`, '-subj', `/CN=${name}`];
      key(file);
      writeFileSync(
        join(folder, `${file}.cnf`),
        `[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nserial=${file}.serial\ndefault_md=sha256\npolicy=p\nunique_subject=no\n` +
          `[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:${name}\n`,
      );
      writeFileSync(join(folder, `${file}.serial`), `0${made}\n`.slice(-3));
      openssl(...request, '-out', `${file}.csr`);
      const signer = self ? ['-selfsign', '-keyfile', `${file}.key`] : ['-keyfile', 'ca.key', '-cert', 'ca.crt'];
      const dates = ['-startdate', time(Math.min(-1, days - 1)), '-enddate', time(days)];
      openssl('ca', '-batch', '-notext', '-config', `${file}.cnf`, '-extensions', 'e', ...signer, ...dates, '-in', `${file}.csr`, '-out', `${file}.crt`); // prettier-ignore
      return { key: read(`${file}.key`), cert: read(`${file}.crt`) };
    },
  };
}

/** A real server that speaks TLS; its port. */
export async function serveTls(
  options: TlsServerOptions,
  listener: RequestListener = (_, response) => void response.end('{}'),
): Promise<number> {
  const server = createTlsServer(options, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
