import type { CheckResult } from '../../../model.js';
import { unasked } from '../../context.js';
import { query, type Session } from './connect.js';

/** Whether the backup role sees all there is to back up. */
export async function readers(store: string, session: Session): Promise<CheckResult[]> {
  const [row] = await query<{ bypasses: boolean; guarded: string | null; unread: string | null }>(
    session,
    selectReader,
  );
  const bypass = !row?.guarded || row.bypasses;
  return [
    unasked(
      `${store}: row security`,
      bypass,
      'a backup role with BYPASSRLS, since tables have row security',
      bypass ? 'every row is seen' : `hides rows of ${row.guarded}`,
    ),
    unasked(
      `${store}: backup role reads everything`,
      !row?.unread,
      'SELECT on every table, sequence and large object',
      row?.unread ? `none on ${row.unread}` : 'all',
    ),
  ];
}

/** What would hinder a swap, or a restore by this admin, each named. */
export async function obstacles(store: string, session: Session): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const [name, expected, sql] of hindrances) {
    const found = await query<{ what: string }>(session, sql);
    results.push(
      unasked(`${store}: ${name}`, found.length === 0, expected, found.map(({ what }) => what).join(', ') || 'none'),
    );
  }
  return results;
}

const own = (schema: string) => `${schema} !~ '^pg_' AND ${schema} <> 'information_schema'`;

const selectReader = `
  SELECT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS bypasses,
    (SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relrowsecurity) AS guarded,
    (SELECT string_agg(what, ', ') FROM (
      SELECT c.oid::regclass::text AS what FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'S', 'm') AND c.relpersistence <> 't' AND ${own('n.nspname')} AND NOT (CASE WHEN has_schema_privilege(n.oid, 'USAGE') THEN
        CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT') ELSE has_table_privilege(c.oid, 'SELECT') END ELSE false END)
      UNION ALL
      SELECT 'large object ' || l.oid FROM pg_largeobject_metadata l
      WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND current_setting('lo_compat_privileges') = 'off'
        AND NOT EXISTS (SELECT FROM aclexplode(coalesce(l.lomacl, acldefault('L', l.lomowner))) g
          WHERE g.privilege_type = 'SELECT' AND (g.grantee = 0 OR pg_has_role(g.grantee, 'USAGE')))
      LIMIT 20) AS unreadable) AS unread`;

const mine = 'datname = current_database()';
const admin = '(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)';

const hindrances: [name: string, expected: string, sql: string][] = [
  [
    'superuser sessions',
    'no session of a superuser on the database: it could not be ended',
    `SELECT format('%s (%s, pid %s)', usename, coalesce(nullif(application_name, ''), 'no name'), pid) AS what FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
      WHERE ${mine} AND r.rolsuper AND pid <> pg_backend_pid() AND NOT ${admin}`,
  ],
  [
    'prepared transactions',
    'none: they hold the database',
    `SELECT quote_literal(gid) AS what FROM pg_prepared_xacts WHERE database = current_database()`,
  ],
  [
    'logical slots',
    'none: they stay with the replaced database',
    `SELECT slot_name AS what FROM pg_replication_slots WHERE database = current_database()`,
  ],
  [
    'subscriptions',
    'none: a copy would subscribe twice',
    `SELECT subname AS what FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE ${mine})`,
  ],
  [
    'owners',
    'the admin role is a member of every role that owns something, since a restore gives it back',
    `SELECT DISTINCT quote_ident(pg_get_userbyid(owner)) AS what FROM (
        SELECT 'pg_class'::regclass AS catalog, oid, relowner AS owner FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        UNION ALL SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc UNION ALL SELECT 'pg_type'::regclass, oid, typowner FROM pg_type WHERE typcategory <> 'A' AND typrelid = 0
        UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'
        UNION ALL SELECT 'pg_largeobject'::regclass, oid, lomowner FROM pg_largeobject_metadata
        UNION ALL SELECT s.classid, s.objid, s.refobjid FROM pg_shdepend s
          WHERE s.deptype = 'o' AND s.refclassid = 'pg_authid'::regclass AND s.dbid = (SELECT oid FROM pg_database WHERE ${mine})) AS owned
      WHERE oid >= 16384 AND catalog <> 'pg_extension'::regclass AND NOT pg_has_role(owner, 'USAGE')
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = catalog AND e.objid = owned.oid AND e.deptype = 'e')`,
  ],
  [
    'what only a superuser restores',
    'none, or admin_url of a superuser',
    `SELECT what FROM (
      SELECT 'extension ' || quote_ident(x.extname) AS what FROM pg_extension x WHERE NOT EXISTS (SELECT FROM pg_available_extension_versions v
          WHERE v.name = x.extname AND v.installed AND (v.trusted OR NOT v.superuser)) AND x.extname <> 'plpgsql'
      UNION ALL SELECT 'event trigger ' || quote_ident(evtname) FROM pg_event_trigger
      UNION ALL SELECT 'publication ' || quote_ident(pubname) FROM pg_publication WHERE puballtables
      UNION ALL SELECT 'foreign data wrapper ' || quote_ident(fdwname) FROM pg_foreign_data_wrapper w
        WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_foreign_data_wrapper'::regclass AND e.objid = w.oid AND e.deptype = 'e')
      UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE NOT l.lanpltrusted AND l.lanname <> 'internal' AND p.oid >= 16384
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')) AS needed
      WHERE NOT ${admin}`,
  ],
];
