import { fail } from '../../../errors.js';

/** Where one database is, taken apart so that no password ever reaches an argument list or a message. */
export interface Address {
  host: string;
  port: number;
  user: string;
  password: string | undefined;
  database: string;
  sslmode: string;
  /** Paths of certificate files, by libpq's names. */
  files: { sslrootcert?: string; sslcert?: string; sslkey?: string };
  /** As it may be shown: no login. */
  shown: string;
}

/** Accepts a driver in the scheme (`postgresql+psycopg://`) and parameters that only the application's driver knows. Throws Usage. */
export function readAddress(url: string): Address {
  const [, rest] = /^postgres(?:ql)?(?:\+\w+)?:\/\/(.*)$/s.exec(url.trim()) ?? [];
  const parsed =
    rest === undefined ? undefined : parse(`postgresql://${rest.replace(/^([^/?#]*@)(?=[/?]|$)/, '$1localhost')}`);
  if (!parsed)
    throw fail(
      'Usage',
      'a database URL does not read as postgresql://user:password@host:port/database: correct it in env_file',
    );
  const option = (name: string) => parsed.searchParams.get(name) ?? undefined;
  const host = option('host') ?? (decode(parsed.hostname.replace(/^\[(.*)\]$/, '$1')) || 'localhost');
  const port = Number(option('port') ?? (parsed.port || 5432));
  const user = option('user') ?? decode(parsed.username);
  const database = option('dbname') ?? (decode(parsed.pathname.replace(/^\//, '')) || user);
  if (!user || !database)
    throw fail(
      'Usage',
      `the database URL for ${host}:${port} names no ${user ? 'database' : 'user'}: correct it in env_file`,
    );
  return {
    host,
    port,
    user,
    password: option('password') ?? (parsed.password ? decode(parsed.password) : undefined),
    database,
    sslmode: option('sslmode') ?? 'prefer',
    files: { sslrootcert: option('sslrootcert'), sslcert: option('sslcert'), sslkey: option('sslkey') },
    shown: `postgresql://${host}:${port}/${database}`,
  };
}

/** The same server and login, another database. */
export function atDatabase(address: Address, database: string): Address {
  return { ...address, database, shown: `postgresql://${address.host}:${address.port}/${database}` };
}

/** The URL as its owner wrote it, driver and parameters included, for another database. */
export function urlOfDatabase(url: string, database: string): string {
  // No more than must be: not every driver decodes all of `%3D`.
  const name = encodeURI(database).replace(/[?#/]/g, encodeURIComponent);
  return url
    .replace(/([?&]dbname=)[^&#]*/, (_, before: string) => before + encodeURIComponent(database))
    .replace(/^([^:]+:\/\/(?:[^/?#]*@)?[^/?#]*)(?:\/[^?#]*)?/, (_, start: string) => `${start}/${name}`);
}

/** What libpq's programs read instead of arguments. */
export function toolEnv(address: Address, run: string): Record<string, string> {
  return {
    PGHOST: address.host,
    // A value of the application's env file must not lead to another server.
    PGHOSTADDR: '',
    PGPORT: String(address.port),
    PGUSER: address.user,
    ...(address.password !== undefined && { PGPASSWORD: address.password }),
    PGDATABASE: address.database,
    PGSSLMODE: address.sslmode === 'no-verify' ? 'require' : address.sslmode,
    ...(address.files.sslrootcert && { PGSSLROOTCERT: address.files.sslrootcert }),
    ...(address.files.sslcert && { PGSSLCERT: address.files.sslcert }),
    ...(address.files.sslkey && { PGSSLKEY: address.files.sslkey }),
    PGAPPNAME: `slipway:${run}`,
    PGCONNECT_TIMEOUT: '5',
    // What a restore writes is flushed by the commit that says it is finished: one for thousands.
    PGOPTIONS: '-c statement_timeout=0 -c synchronous_commit=off',
    LC_MESSAGES: 'C',
  };
}

function parse(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
