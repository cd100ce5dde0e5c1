const ofExtension = (catalog: string, oid: string) =>
  `EXISTS (SELECT FROM pg_depend e WHERE e.classid = ${catalog} AND e.objid = ${oid} AND e.deptype = 'e')`;
const outsideSchemas = [
  'pg_publication',
  'pg_event_trigger',
  'pg_foreign_server',
  'pg_foreign_data_wrapper',
  'pg_cast',
  'pg_language',
  'pg_am',
];

/**
 * One statement that leaves the database as an empty one is made: within a transaction that restores, so that nothing stays that a backup does not
 * know. Extensions of others (`keptExtensions`) stay. Whatever it leaves is found by the comparison before the commit.
 */
export const clearStatement = `DO $slipway$
DECLARE
  one record;
  what record;
  public oid := to_regnamespace('public');
BEGIN
  FOR one IN SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' AND pg_has_role(extowner, 'USAGE') LOOP
    EXECUTE format('DROP EXTENSION IF EXISTS %I CASCADE', one.extname);
  END LOOP;
  FOR one IN SELECT nspname FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
    AND NOT ${ofExtension("'pg_namespace'::regclass", 'n.oid')} LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', one.nspname);
  END LOOP;
  LOOP
    SELECT i.type, i.identity, d.classid INTO what FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) i
      WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = public AND d.deptype = 'n' AND d.objid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e
        WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype IN ('e', 'i') AND (e.refclassid, e.refobjid) <> (d.classid, d.objid)) LIMIT 1;
    EXIT WHEN NOT FOUND;
    EXECUTE format('DROP %s %s CASCADE', CASE WHEN what.classid = 'pg_proc'::regclass THEN 'ROUTINE'
      WHEN what.type = 'statistics object' THEN 'STATISTICS' WHEN what.type = 'composite type' THEN 'TYPE' ELSE what.type END, what.identity);
  END LOOP;
${outsideSchemas
  .map(
    (catalog) => `  LOOP
    SELECT i.type, i.identity INTO what FROM ${catalog} o, pg_identify_object('${catalog}'::regclass, o.oid, 0) i
      WHERE o.oid >= 16384 AND NOT ${ofExtension(`'${catalog}'::regclass`, 'o.oid')} LIMIT 1;
    EXIT WHEN NOT FOUND;
    EXECUTE format('DROP %s %s CASCADE', replace(what.type, '-', ' '), what.identity);
  END LOOP;`,
  )
  .join('\n')}
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
  FOR one IN SELECT DISTINCT defaclnamespace AS schema, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s', pg_get_userbyid(defaclrole),
        CASE WHEN defaclnamespace <> 0 THEN format('IN SCHEMA %I', (SELECT nspname FROM pg_namespace WHERE oid = defaclnamespace)) END) AS alter,
      quote_ident(pg_get_userbyid(defaclrole)) AS role, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee,
      CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS kind
    FROM pg_default_acl LEFT JOIN aclexplode(defaclacl) ON true LOOP
    IF one.grantee IS NOT NULL THEN
      EXECUTE format('%s REVOKE ALL ON %s FROM %s', one.alter, one.kind, one.grantee);
    END IF;
    IF one.schema = 0 THEN
      EXECUTE format('%s GRANT ALL ON %s TO %s', one.alter, one.kind, one.role);
      IF one.kind IN ('FUNCTIONS', 'TYPES') THEN
        EXECUTE format('%s GRANT ALL ON %s TO PUBLIC', one.alter, one.kind);
      END IF;
    END IF;
  END LOOP;
  SELECT n.nspacl AS now, p.initprivs AS made INTO what FROM pg_namespace n
    LEFT JOIN pg_init_privs p ON p.classoid = 'pg_namespace'::regclass AND p.objoid = n.oid WHERE n.oid = public AND pg_has_role(nspowner, 'USAGE');
  IF FOUND AND what.made IS NOT NULL AND NOT (what.now @> what.made AND what.made @> what.now) THEN
    FOR one IN SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee FROM aclexplode(what.now) LOOP
      EXECUTE format('REVOKE ALL ON SCHEMA public FROM %s', one.grantee);
    END LOOP;
    FOR one IN SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee, privilege_type FROM aclexplode(what.made) LOOP
      EXECUTE format('GRANT %s ON SCHEMA public TO %s', one.privilege_type, one.grantee);
    END LOOP;
  END IF;
END
$slipway$`;

/** Of a role that the admin is no member of: it can drop none of them, so they stay as they are. */
export const keptExtensions = `
  SELECT extname AS name, n.nspname AS schema, extconfig IS NOT NULL AS configured FROM pg_extension x JOIN pg_namespace n ON n.oid = extnamespace
  WHERE extname <> 'plpgsql' AND NOT pg_has_role(extowner, 'USAGE')`;

/** Every table that somebody could write to, as `LOCK TABLE` takes it. */
export const lockable = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT ${ofExtension("'pg_class'::regclass", 'c.oid')} ORDER BY c.oid`;
