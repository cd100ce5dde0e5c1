import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { CheckContext, Facts } from '../../../src/activities/checks/contract.js';
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
    read: ({ argv, deadlineMs = 5000, env: added = {} }) =>
      runAttached({
        argv,
        cwd: directory,
        env: { PATH: process.env.PATH ?? '', ...env.child(), ...added },
        deadlineMs,
        redactor: env.redactor,
      }),
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
