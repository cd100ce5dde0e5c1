import { quoted } from '../../../lib/shell-line.js';
import type { StandbyRecord } from '../contract.js';
import { openByHand, suffixOf } from '../seal.js';
import { adminUrlLines } from './by-hand.js';
import { shapeFromLines } from './databases.js';
import { quoteName } from './names.js';

/** Shell lines that restore the backup which stands for a copy into a database beside the live one, and rename both. */
export function restoreByHand(
  adminUrl: string,
  { live }: StandbyRecord,
  { folder, stored }: NonNullable<StandbyRecord['backup']>,
): string[] {
  const { owner } = shapeFromLines(stored.catalog.database ?? []);
  const [side, kept] = [`${live.name}__by_hand`, `${live.name}__before_hand`];
  const sealed = `${folder}/${stored.file}`;
  const packed = stored.sealed ? sealed.slice(0, -suffixOf(stored.sealed).length) : sealed;
  const plain = stored.packed ? packed.replace(/\.zst$/, '') : packed;
  const psql = 'psql "$ADMIN_URL" -X -q -v ON_ERROR_STOP=1';
  return [
    ...adminUrlLines(adminUrl),
    ...(stored.sealed ? [openByHand(stored.sealed, quoted(sealed), quoted(packed))] : []),
    ...(stored.packed ? [`zstd -d -f -q ${quoted(packed)}`] : []),
    `${psql} <<'SQL'`,
    `CREATE DATABASE ${quoteName(side)} TEMPLATE template0 OWNER ${quoteName(owner)};`,
    'SQL',
    `pg_restore --exit-on-error --dbname="$(printf '%s' "$ADMIN_URL" | sed -E ${quoted(`s#/postgres($|\\?)#/${encodeURI(side)}\\1#`)})" ${quoted(plain)}`,
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
