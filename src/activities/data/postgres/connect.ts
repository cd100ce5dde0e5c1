import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, escapeIdentifier, type ClientConfig, type QueryResultRow } from 'pg';
import { fail, failureType } from '../../../errors.js';
import { atDatabase, type Address } from './address.js';

/** One short-lived connection. */
export type Session = Client;

/**
 * Settings of a role or database must not change what is read, hashed or waited for. `row_security = off` turns rows hidden by a
 * policy into an error; `synchronous_commit` makes what was told to be done survive a crash of the server.
 */
const settings = {
  statement_timeout: '0',
  lock_timeout: '60s',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  row_security: 'off',
  search_path: 'pg_catalog',
  synchronous_commit: 'on',
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  client_min_messages: 'error',
  quote_all_identifiers: 'off',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  xmlbinary: 'base64',
};

/** Throws Unreachable, or NoRights where the server answers but refuses the login. */
export async function connect(address: Address, run: string): Promise<Session> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await open(address, run);
    } catch (error) {
      const { code } = error as { code?: string };
      // A server that is starting up after a crash comes back by itself.
      if (code === '57P03' && Date.now() < deadline) await sleep(250);
      else throw unreachable(error, address);
    }
  }
}

/** Opens, lends, closes, whatever happens. */
export async function withSession<T>(address: Address, run: string, use: (session: Session) => Promise<T>): Promise<T> {
  const session = await connect(address, run);
  try {
    return await use(session);
  } catch (error) {
    throw explained(error, address);
  } finally {
    await close(session);
  }
}

export async function close(session: Session): Promise<void> {
  await session.end().catch(() => undefined);
}

/** A session that is on none of the application's databases, so that those can be renamed and copied. */
export async function connectBeside(address: Address, run: string): Promise<Session> {
  const first = atDatabase(address, 'postgres');
  try {
    return await connect(first, run);
  } catch (error) {
    if (
      address.database === 'template1' ||
      !/does not exist|not currently accepting|permission denied/.test(String(error))
    )
      throw error;
    return connect(atDatabase(address, 'template1'), run);
  }
}

export async function query<T extends QueryResultRow>(
  session: Session,
  text: string,
  values: unknown[] = [],
): Promise<T[]> {
  return (await session.query<T>(text, values)).rows;
}

/**
 * A refused right and a full disk are for people; a lost connection is a plain error, so that Temporal tries the act again.
 * Everything else would fail again in the same way.
 */
export function explained(error: unknown, address: Address): unknown {
  if (failureType(error) !== undefined || !(error instanceof Error)) return error;
  const { code } = error as { code?: string };
  const message = `${redact(error.message, address)} (${address.shown})`;
  if (!code || /^(57P|08|EPIPE|ECONN)/.test(code)) return new Error(message);
  if (code === '42501') return fail('NoRights', `${message}: ${remedy(message, address)}`);
  if (code === '53100') return fail('NoRoom', message);
  return fail('CommandFailed', message, { sqlstate: code });
}

function remedy(message: string, { user }: Address): string {
  const [, parameter] = /permission denied to set parameter "(.*?)"/.exec(message) ?? [];
  if (parameter === undefined) return `grant ${user} that right`;
  return `as a superuser type GRANT SET ON PARAMETER ${parameter} TO ${escapeIdentifier(user)} (from PostgreSQL 15 on)`;
}

async function open(address: Address, run: string): Promise<Session> {
  try {
    return await openWith(address, run, encryption(address));
  } catch (error) {
    const wants = (error as { code?: string }).code === '28000' && /no encryption|SSL off/i.test(String(error));
    if (!wants || !['prefer', 'allow'].includes(address.sslmode)) throw error;
    return openWith(address, run, { rejectUnauthorized: false });
  }
}

async function openWith(address: Address, run: string, ssl: ClientConfig['ssl']): Promise<Session> {
  const { host, port, user, password, database } = address;
  const session = new Client({
    ...{ host, port, user, password: password ?? '', database, ssl },
    application_name: `slipway:${run}`,
    // From its first statement on: the one that sets the rest would be cut short on a busy server.
    options: '-c statement_timeout=0',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  // A connection lost between two statements would otherwise end the process; the next statement reports it.
  session.on('error', () => undefined);
  try {
    await session.connect();
    const known =
      'SELECT set_config(name, $1::json->>name, false) FROM pg_settings WHERE name IN (SELECT json_object_keys($1::json))';
    await session.query(known, [JSON.stringify(settings)]);
    return session;
  } catch (error) {
    await close(session);
    throw error;
  }
}

function encryption({ sslmode, files }: Address): ClientConfig['ssl'] {
  if (['disable', 'prefer', 'allow'].includes(sslmode)) return false;
  const read = (path: string | undefined) => (path ? readFileSync(path, 'utf8') : undefined);
  const certificates = { ca: read(files.sslrootcert), cert: read(files.sslcert), key: read(files.sslkey) };
  if (sslmode === 'verify-full') return certificates;
  if (sslmode === 'verify-ca') return { ...certificates, checkServerIdentity: () => undefined };
  return { ...certificates, ca: undefined, rejectUnauthorized: false };
}

function unreachable(error: unknown, address: Address): unknown {
  const { code, message } = error as { code?: string; message?: string };
  const told = redact(message || code || String(error), address);
  if (code?.startsWith('28') || code === '42501')
    return fail('NoRights', `${address.user} may not log in to ${address.shown}: ${told}`);
  return fail('Unreachable', `cannot reach the database of ${address.shown}: ${told}`);
}

function redact(text: string, { password }: Address): string {
  const [line = ''] = text.split('\n');
  return password ? line.replaceAll(password, '[redacted]') : line;
}
