import { quoted, shellLine } from '../../../lib/shell-line.js';
import type { Definition } from '../../../model.js';
import { composeArgv } from '../../runtime/compose/arguments.js';
import { guardOf } from '../../runtime/guard.js';
import type { StandbyRecord } from '../contract.js';
import { quoteName, quoteText } from './names.js';

export const psqlProgram = 'psql "$ADMIN_URL" -X -q -v ON_ERROR_STOP=1';

/**
 * Shell lines, for `set -eu` too, that swap the copy in with nothing but psql, also where it was swapped in before. The end opens the live database
 * whatever became of those above. `psql` takes the maintenance database from the URL alone, so the URL's own is replaced there.
 * `container`: where psql runs, else on this host.
 */
export function swapByHand(
  adminUrl: string,
  { live, copy, copyOid, replaced }: StandbyRecord,
  container?: string,
): string[] {
  const psql = reading('ADMIN_URL', psqlProgram, container);
  const allow = `ALTER DATABASE ${quoteName(live.name)} ALLOW_CONNECTIONS true;`;
  return [
    ...adminUrlLines(adminUrl),
    'SWAPPED=0',
    `${psql} <<'SQL' || SWAPPED=$?`,
    `SELECT EXISTS (SELECT FROM pg_database WHERE oid = ${oid(copyOid)} AND datname = ${quoteText(live.name)}) AS done,`,
    `  EXISTS (SELECT FROM pg_database WHERE oid = ${oid(copyOid)} AND datname = ${quoteText(copy)})`,
    `  AND EXISTS (SELECT FROM pg_database WHERE oid = ${oid(live.oid)} AND datname = ${quoteText(live.name)})`,
    `  AND (SELECT system_identifier::text FROM pg_control_system()) = ${quoteText(live.system)} AS ready \\gset`,
    '\\if :done',
    `  \\echo the copy is the live database already`,
    '\\elif :ready',
    `  ALTER DATABASE ${quoteName(live.name)} ALLOW_CONNECTIONS false;`,
    `  SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity WHERE datid = ${oid(live.oid)} AND usesysid IS NOT NULL;`,
    '  BEGIN;',
    `  ALTER DATABASE ${quoteName(live.name)} RENAME TO ${quoteName(replaced)};`,
    `  ALTER DATABASE ${quoteName(copy)} RENAME TO ${quoteName(live.name)};`,
    `  ${allow}`,
    `  SELECT coalesce(shobj_description(${oid(copyOid)}, 'pg_database')::json -> 'slipway' ->> 'comment', '') AS comment \\gset`,
    `  COMMENT ON DATABASE ${quoteName(live.name)} IS :'comment';`,
    '  COMMIT;',
    '\\else',
    `  \\echo this is not the server, the database or the copy that was recorded: nothing was done`,
    '  SELECT 1 / 0 AS refused;',
    '\\endif',
    'SQL',
    `${psql} <<'SQL'`,
    allow,
    'SQL',
    '[ "$SWAPPED" = 0 ]',
  ];
}

/** Sets ADMIN_URL to the maintenance database beside the live one. */
export function adminUrlLines(adminUrl: string): string[] {
  const url = /^\$\{?\w+\}?$/.test(adminUrl) ? `"${adminUrl}"` : `'${adminUrl.replaceAll("'", `'\\''`)}'`;
  return [
    `ADMIN_URL=$(printf '%s' ${url} | sed -E 's#^postgres(ql)?(\\+[A-Za-z0-9_]+)?://([^/?]*)(/[^?]*)?#postgresql://\\3/postgres#')`,
    'export ADMIN_URL',
  ];
}

/** A program that reads one variable, on this host or inside a container, where a URL with a name of its network leads somewhere. */
export function reading(variable: string, program: string, container?: string): string {
  return container === undefined
    ? program
    : `docker exec -i -e ${variable} ${container} sh -c ${quoted(`exec ${program}`)}`;
}

/** The container of a service, as a shell finds it. */
export function containerByHand(definition: Definition, service: string): string {
  return definition.runtime.compose
    ? `"$(${shellLine([...composeArgv(definition), 'ps', '--quiet', service], guardOf(definition))})"`
    : quoted(definition.runtime.container?.name ?? service);
}

/** Digits only: it stands in a script. */
function oid(text: string): string {
  return String(BigInt(text));
}
