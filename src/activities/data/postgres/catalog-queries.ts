const own = (schema: string) => `${schema} !~ '^pg_' AND ${schema} <> 'information_schema'`;
const notOfExtension = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;
/** Grants as sorted words, the same whether they are written down or the default. */
const grants = (acl: string, kind: string, owner: string) => `(
  SELECT coalesce(string_agg(word, ',' ORDER BY word COLLATE "C"), 'none') FROM (
    SELECT format('%s=%s%s', CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, privilege_type,
      CASE WHEN is_grantable THEN '*' END) AS word
    FROM aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner})))) AS granted)`;
const sorted = (array: string) =>
  `(SELECT string_agg(x::text, ',' ORDER BY x::text COLLATE "C") FROM unnest(${array}) AS x)`;
const relation = (oid: string) =>
  `(SELECT format('%I.%I', rn.nspname, r.relname) FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace WHERE r.oid = ${oid})`;

/** Catalogs with nothing to compare but their objects' identity. Each restores from the dump or not at all. */
const others = [
  'pg_cast',
  'pg_collation',
  'pg_conversion',
  'pg_language',
  'pg_opclass',
  'pg_operator',
  'pg_opfamily',
  'pg_ts_config',
  'pg_ts_dict',
  'pg_ts_parser',
  'pg_ts_template',
  'pg_foreign_data_wrapper',
  'pg_foreign_server',
  'pg_event_trigger',
  'pg_transform',
  'pg_am',
  'pg_publication',
  'pg_publication_rel',
];

/** By heading: a query of one column, `line`. What belongs to an extension is the extension's own affair: its version is compared. */
export const catalogQueries: Record<string, string> = {
  schemas: `
    SELECT format('%I owner %I acl %s', nspname, pg_get_userbyid(nspowner), ${grants('nspacl', 'n', 'nspowner')}) AS line
    FROM pg_namespace n WHERE ${own('nspname')} AND ${notOfExtension('pg_namespace', 'n.oid')}`,
  extensions: `SELECT format('%I %s in %I', extname, extversion, nspname) AS line FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace`,
  relations: `
    SELECT concat_ws(' ', format('%I.%I', n.nspname, c.relname), 'kind', c.relkind, 'owner', quote_ident(pg_get_userbyid(c.relowner)),
      'persistence', c.relpersistence, 'rls', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'populated', c.relispopulated,
      'identity', c.relreplident, 'method', (SELECT amname FROM pg_am WHERE oid = c.relam),
      'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace),
      'options', ${sorted('c.reloptions')}, 'of', nullif(c.reloftype, 0)::regtype,
      'parents', (SELECT string_agg(${relation('inhparent')}, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid),
      'partition by', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, 'bound', pg_get_expr(c.relpartbound, c.oid),
      'acl', ${grants('c.relacl', 'r', 'c.relowner')},
      'as', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't' AND ${own('n.nspname')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  columns: `
    SELECT concat_ws(' ', format('%I.%I.%I', n.nspname, c.relname, a.attname), format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attnotnull THEN 'not null' END, 'identity', nullif(a.attidentity, ''), 'generated', nullif(a.attgenerated, ''),
      'default', pg_get_expr(d.adbin, d.adrelid),
      'collate', (SELECT format('%I.%I', cn.nspname, l.collname) FROM pg_collation l JOIN pg_namespace cn ON cn.oid = l.collnamespace
        WHERE l.oid = a.attcollation AND a.attcollation <> (SELECT typcollation FROM pg_type WHERE oid = a.atttypid)),
      'storage', CASE WHEN c.relkind IN ('r', 'p', 'm') THEN a.attstorage END, 'statistics', nullif(a.attstattarget, -1),
      'options', ${sorted('a.attoptions')}, 'acl', CASE WHEN a.attacl IS NOT NULL THEN ${grants('a.attacl', 'c', 'c.relowner')} END) AS line
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't'
      AND ${own('n.nspname')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  constraints: `
    SELECT concat_ws(' ', quote_ident(k.conname), 'on', coalesce(${relation('nullif(k.conrelid, 0)')}, nullif(k.contypid, 0)::regtype::text),
      CASE WHEN NOT k.convalidated THEN 'not valid' END, pg_get_constraintdef(k.oid)) AS line
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
    WHERE k.conparentid = 0 AND k.contype NOT IN ('t', 'n') AND ${own('n.nspname')} AND ${notOfExtension('pg_constraint', 'k.oid')}
      AND ${notOfExtension('pg_class', 'k.conrelid')}`,
  indexes: `
    SELECT concat_ws(' ', pg_get_indexdef(i.indexrelid), CASE WHEN i.indisclustered THEN 'clustered' END, CASE WHEN i.indisreplident THEN 'replica identity' END,
      'options', ${sorted('c.reloptions')}, 'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace)) AS line
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (i.indisvalid OR t.relkind = 'p') AND i.indisready AND t.relpersistence <> 't' AND ${own('n.nspname')} AND ${notOfExtension('pg_class', 'i.indrelid')}`,
  triggers: `
    SELECT concat_ws(' ', pg_get_triggerdef(g.oid), 'enabled', g.tgenabled) AS line
    FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND ${own('n.nspname')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  rules: `
    SELECT concat_ws(' ', pg_get_ruledef(w.oid), 'enabled', w.ev_enabled) AS line
    FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE w.rulename <> '_RETURN' AND ${own('n.nspname')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  policies: `
    SELECT concat_ws(' ', quote_ident(p.polname), 'on', ${relation('p.polrelid')}, 'for', p.polcmd, CASE WHEN NOT p.polpermissive THEN 'restrictive' END,
      'to', (SELECT string_agg(CASE WHEN x = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x)) END, ',' ORDER BY pg_get_userbyid(x)) FROM unnest(p.polroles) AS x),
      'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)) AS line
    FROM pg_policy p`,
  functions: `
    SELECT concat_ws(' ', format('%I.%I(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid)), 'kind', f.prokind,
      'returns', pg_get_function_result(f.oid), 'owner', quote_ident(pg_get_userbyid(f.proowner)), 'acl', ${grants('f.proacl', 'f', 'f.proowner')},
      CASE WHEN f.prokind = 'a' THEN (SELECT concat_ws(' ', aggtransfn, nullif(aggfinalfn::oid, 0)::regproc, nullif(aggcombinefn::oid, 0)::regproc, aggtranstype::regtype, agginitval)
        FROM pg_aggregate WHERE aggfnoid = f.oid) ELSE md5(regexp_replace(pg_get_functiondef(f.oid), '[\\s()]|::[a-z ]+', '', 'g')) END) AS line
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE ${own('n.nspname')} AND ${notOfExtension('pg_proc', 'f.oid')}`,
  types: `
    SELECT concat_ws(' ', format('%I.%I', n.nspname, t.typname), 'kind', t.typtype, 'owner', quote_ident(pg_get_userbyid(t.typowner)),
      'acl', ${grants('t.typacl', 'T', 't.typowner')}, CASE WHEN t.typnotnull THEN 'not null' END, 'default', t.typdefault,
      'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
      'labels', (SELECT string_agg(quote_literal(enumlabel), ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
      'range of', (SELECT rngsubtype::regtype FROM pg_range WHERE rngtypid = t.oid)) AS line
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE (t.typtype IN ('d', 'e', 'r', 'm') OR c.relkind = 'c' OR (t.typtype = 'b' AND t.typcategory <> 'A'))
      AND ${own('n.nspname')} AND ${notOfExtension('pg_type', 't.oid')}`,
  'sequence definitions': `
    SELECT concat_ws(' ', format('%I.%I', n.nspname, c.relname), 'owner', quote_ident(pg_get_userbyid(c.relowner)), s.seqtypid::regtype, 'start', s.seqstart,
      'by', s.seqincrement, 'from', s.seqmin, 'to', s.seqmax, 'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END, 'persistence', c.relpersistence,
      'acl', ${grants('c.relacl', 's', 'c.relowner')},
      'owned by', (SELECT ${relation('d.refobjid')} || '.' || quote_ident(a.attname) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 LIMIT 1)) AS line
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND ${own('n.nspname')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  'default privileges': `
    SELECT concat_ws(' ', quote_ident(pg_get_userbyid(defaclrole)), 'in', (SELECT quote_ident(nspname) FROM pg_namespace WHERE oid = defaclnamespace), defaclobjtype,
      ${grants('defaclacl', 'r', 'defaclrole')}) AS line FROM pg_default_acl`,
  'large objects': `
    SELECT concat_ws(' ', l.oid, 'owner', quote_ident(pg_get_userbyid(l.lomowner)), 'acl', ${grants('l.lomacl', 'L', 'l.lomowner')}) AS line FROM pg_largeobject_metadata l`,
  statistics: `SELECT concat_ws(' ', pg_get_statisticsobjdef(oid), 'owner', quote_ident(pg_get_userbyid(stxowner))) AS line FROM pg_statistic_ext`,
  others: others
    .map(
      (
        catalog,
      ) => `SELECT concat_ws(' ', i.type, i.identity) AS line FROM ${catalog} o, pg_identify_object('${catalog}'::regclass, o.oid, 0) i
      WHERE o.oid >= 16384 AND ${notOfExtension(catalog, 'o.oid')}`,
    )
    .join(' UNION ALL '),
  comments: `
    SELECT concat_ws(' ', i.type, i.identity, md5(c.description)) AS line
    FROM pg_description c, pg_identify_object(c.classoid, c.objoid, c.objsubid) i
    WHERE (c.objoid >= 16384 OR (c.classoid = 'pg_namespace'::regclass AND c.objoid = 'public'::regnamespace))
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = c.classoid AND e.objid = c.objoid AND e.deptype = 'e')
      AND c.classoid <> 'pg_extension'::regclass`,
};
