import { quoted } from '../../../lib/shell-line.js';
import type { StandbyRecord } from '../contract.js';
import { openByHand, suffixOf } from '../seal.js';
import { adminUrlLines, psqlProgram, reading } from './by-hand.js';
import { shapeFromLines } from './databases.js';
import { quoteName } from './names.js';
import { policyLine } from './restored.js';

/** Shell lines that restore the backup which stands for a copy into a database beside the live one, and rename both. */
export function restoreByHand(
  adminUrl: string,
  { live }: StandbyRecord,
  { folder, stored }: NonNullable<StandbyRecord['backup']>,
  container?: string,
): string[] {
  const { owner } = shapeFromLines(stored.catalog.database ?? []);
  const [side, kept] = [`${live.name}__by_hand`, `${live.name}__before_hand`];
  const sealed = `${folder}/${stored.file}`;
  const packed = stored.sealed ? sealed.slice(0, -suffixOf(stored.sealed).length) : sealed;
  const plain = stored.packed ? packed.replace(/\.zst$/, '') : packed;
  const psql = reading('ADMIN_URL', psqlProgram, container);
  const list = container === undefined ? `${plain}.list` : '/tmp/slipway.list';
  const write = reading('SIDE_URL', `cat >${quoted(list)}`, container);
  const restore = reading(
    'SIDE_URL',
    `pg_restore --use-list=${quoted(list)} --exit-on-error --dbname="$SIDE_URL"`,
    container,
  );
  const toc = reading('SIDE_URL', 'pg_restore --list', container);
  return [
    ...adminUrlLines(adminUrl),
    ...(stored.sealed ? [openByHand(stored.sealed, quoted(sealed), quoted(packed))] : []),
    ...(stored.packed ? [`zstd -d -f -q ${quoted(packed)}`] : []),
    `${psql} <<'SQL'`,
    `CREATE DATABASE ${quoteName(side)} TEMPLATE template0 OWNER ${quoteName(owner)};`,
    'SQL',
    `SIDE_URL=$(printf '%s' "$ADMIN_URL" | sed -E ${quoted(`s#/postgres($|\\?)#/${encodeURI(side)}\\1#`)})`,
    'export SIDE_URL',
    '# Policies last: a materialized view over a table that they guard could not be filled.',
    ...['-vE', '-E'].flatMap((which) => [
      `${toc} <${quoted(plain)} | grep ${which} ${quoted(policyLine.source)} | ${write}`,
      `${restore} <${quoted(plain)}`,
    ]),
    `${psql} <<'SQL'`,
    `ALTER DATABASE ${quoteName(live.name)} ALLOW_CONNECTIONS false;`,
    `SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity WHERE datid = ${String(BigInt(live.oid))} AND usesysid IS NOT NULL;`,
    'BEGIN;',
    `ALTER DATABASE ${quoteName(live.name)} RENAME TO ${quoteName(kept)};`,
    `ALTER DATABASE ${quoteName(side)} RENAME TO ${quoteName(live.name)};`,
    'COMMIT;',
    'SQL',
  ];
}
