import { query, type Session } from './connect.js';
import { quoteDroppable, quoteName, quoteText } from './names.js';

export interface Grant {
  grantee: string;
  privilege: string;
  grantable: boolean;
}
export interface Setting {
  role: string | null;
  name: string;
  value: string;
}

/** All that belongs to a database as such, and that neither a dump nor a template copy carries over. */
export interface DatabaseShape {
  owner: string;
  encoding: string;
  collate: string;
  ctype: string;
  /** c: libc, i: ICU, b: built in */
  provider: string;
  locale: string | null;
  icuRules: string | null;
  tablespace: string;
  limit: number;
  comment: string | null;
  /** In the server's order; null where nothing was ever granted or revoked. */
  acl: Grant[] | null;
  settings: Setting[];
}

export interface FoundDatabase extends DatabaseShape {
  oid: string;
  name: string;
  allowed: boolean;
}

/** By name, or by oid where the name may have changed. */
export async function findDatabase(
  session: Session,
  by: { name: string } | { oid: string },
): Promise<FoundDatabase | undefined> {
  const [condition, value] = 'name' in by ? ['d.datname = $1', by.name] : ['d.oid = $1::oid', by.oid];
  const [row] = await query<{ d: Record<string, string | null>; shape: FoundDatabase }>(
    session,
    `${selectShape} WHERE ${condition}`,
    [value],
  );
  if (!row) return undefined;
  const { d, shape } = row;
  return {
    ...shape,
    provider: d.datlocprovider ?? 'c',
    locale: d.datlocale ?? d.daticulocale ?? null,
    icuRules: d.daticurules ?? null,
  };
}

export async function systemIdentifier(session: Session): Promise<string> {
  const [row] = await query<{ id: string }>(session, 'SELECT system_identifier::text AS id FROM pg_control_system()');
  return row?.id ?? '';
}

export async function serverMajor(session: Session): Promise<number> {
  const [row] = await query<{ major: number }>(
    session,
    `SELECT current_setting('server_version_num')::int / 10000 AS major`,
  );
  return row?.major ?? 0;
}

/** A database like the shape, without content, owned by the same role. */
export async function createEmpty(session: Session, name: string, shape: DatabaseShape): Promise<void> {
  const major = await serverMajor(session);
  const provider = { i: 'icu', b: 'builtin', c: 'libc' }[shape.provider] ?? 'libc';
  const locale =
    shape.locale && shape.provider !== 'c'
      ? `${provider === 'icu' ? 'ICU_LOCALE' : 'BUILTIN_LOCALE'} ${quoteText(shape.locale)}`
      : '';
  await query(
    session,
    [
      `CREATE DATABASE ${quoteName(name)} TEMPLATE template0 OWNER ${quoteName(shape.owner)} ENCODING ${quoteText(shape.encoding)}`,
      `LC_COLLATE ${quoteText(shape.collate)} LC_CTYPE ${quoteText(shape.ctype)}`,
      major >= 15 ? `LOCALE_PROVIDER ${provider} ${locale}` : '',
      shape.icuRules ? `ICU_RULES ${quoteText(shape.icuRules)}` : '',
      shape.tablespace === 'pg_default' ? '' : `TABLESPACE ${quoteName(shape.tablespace)}`,
    ].join(' '),
  );
}

export async function dropOwn(session: Session, name: string): Promise<void> {
  await query(session, `DROP DATABASE IF EXISTS ${quoteDroppable(name)} WITH (FORCE)`);
}

export function grantStatements(name: string, shape: DatabaseShape): string[] {
  if (!shape.acl) return [];
  const database = quoteName(name);
  return [
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC, ${quoteName(shape.owner)}`,
    ...shape.acl.map(({ grantee, privilege, grantable }) => {
      const to = grantee === 'PUBLIC' ? 'PUBLIC' : quoteName(grantee.slice(1));
      return `GRANT ${privilege} ON DATABASE ${database} TO ${to}${grantable ? ' WITH GRANT OPTION' : ''}`;
    }),
  ];
}

export function settingStatements(name: string, shape: DatabaseShape): string[] {
  return shape.settings.map(({ role, name: setting, value }) =>
    alterSettings(
      name,
      role,
      `SET ${quoteName(setting)} TO ${listSettings.has(setting) ? listed(value) : quoteText(value)}`,
    ),
  );
}

/** Of the database, or of a role in it: that is a right of the role's own, so an admin who is a member of it acts as it, for this one transaction. */
export function alterSettings(name: string, role: string | null, change: string): string {
  const database = quoteName(name);
  if (role === null) return `ALTER DATABASE ${database} ${change}`;
  return [
    `SELECT set_config('role', ${quoteText(role)}, true) FROM pg_roles
     WHERE rolname = current_user AND NOT rolsuper AND NOT rolcreaterole AND pg_has_role(${quoteText(role)}, 'MEMBER')`,
    `ALTER ROLE ${quoteName(role)} IN DATABASE ${database} ${change}`,
    'RESET ROLE',
  ].join('; ');
}

export function limitStatement(name: string, shape: DatabaseShape): string {
  return `ALTER DATABASE ${quoteName(name)} CONNECTION LIMIT ${shape.limit}`;
}

export function commentStatement(name: string, comment: string | null): string {
  return `COMMENT ON DATABASE ${quoteName(name)} IS ${comment === null ? 'NULL' : quoteText(comment)}`;
}

/** One entry a line, for the manifest; grants and settings in their own order, which a dump shows. */
export function shapeLines(shape: DatabaseShape): string[] {
  const { owner, encoding, collate, ctype, provider, locale, icuRules, tablespace, limit, comment, acl, settings } =
    shape;
  const scalars = { owner, encoding, collate, ctype, provider, locale, icuRules, tablespace, limit, comment };
  return [
    ...Object.entries(scalars).map(([key, value]) => JSON.stringify({ [key]: value })),
    ...(acl ?? [null]).map((grant) => JSON.stringify({ grant })),
    ...settings.map((setting) => JSON.stringify({ setting })),
  ];
}

export function shapeFromLines(lines: string[]): DatabaseShape {
  const entries = lines.map(
    (line) => JSON.parse(line) as Partial<DatabaseShape> & { grant?: Grant | null; setting?: Setting },
  );
  const grants = entries.flatMap(({ grant }) => (grant ? [grant] : []));
  const settings = entries.flatMap(({ setting }) => (setting ? [setting] : []));
  const scalars = entries.filter((entry) => entry.grant === undefined && entry.setting === undefined);
  const acl = entries.some(({ grant }) => grant === null) ? null : grants;
  return { ...(Object.assign({}, ...scalars) as DatabaseShape), acl, settings };
}

/** Lists of names: their value is a list already, and quoted as a whole it would be one name. */
const listSettings = new Set([
  'search_path',
  'temp_tablespaces',
  'local_preload_libraries',
  'session_preload_libraries',
  'shared_preload_libraries',
  'unix_socket_directories',
]);

function listed(value: string): string {
  const names = [...value.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)];
  return (
    names.map(([whole, quoted]) => quoteText(quoted === undefined ? whole : quoted.replaceAll('""', '"'))).join(', ') ||
    `''`
  );
}

// A grantee's own name may be PUBLIC: names carry an `=` in front.
const selectShape = `
  SELECT to_jsonb(d) AS d, json_build_object(
    'oid', d.oid::text, 'name', d.datname, 'allowed', d.datallowconn, 'owner', pg_get_userbyid(d.datdba),
    'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype, 'limit', d.datconnlimit,
    'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = d.dattablespace),
    'comment', shobj_description(d.oid, 'pg_database'),
    'acl', CASE WHEN d.datacl IS NOT NULL THEN (
      SELECT coalesce(json_agg(json_build_object('grantee', grantee, 'privilege', privilege_type, 'grantable', grantable)
          ORDER BY place), '[]')
      FROM (SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE '=' || pg_get_userbyid(grantee) END AS grantee, privilege_type, bool_or(is_grantable) AS grantable,
        min(place) AS place FROM aclexplode(d.datacl) WITH ORDINALITY AS each (grantor, grantee, privilege_type, is_grantable, place) GROUP BY 1, 2) AS grants) END,
    'settings', (
      SELECT coalesce(json_agg(json_build_object('role', CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END,
          'name', split_part(pair, '=', 1), 'value', substr(pair, strpos(pair, '=') + 1)) ORDER BY s.setrole, place), '[]')
      FROM pg_db_role_setting s, unnest(s.setconfig) WITH ORDINALITY AS each (pair, place) WHERE s.setdatabase = d.oid)) AS shape
  FROM pg_database d`;
