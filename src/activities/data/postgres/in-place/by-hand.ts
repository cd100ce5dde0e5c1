import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoted } from '../../../../lib/shell-line.js';
import type { StandbyRecord } from '../../contract.js';
import { openByHand, suffixOf } from '../../seal.js';
import { policyLine } from '../restored.js';
import { clearStatement } from './clear.js';
import type { Lies } from './exchange.js';

/** Shell lines that keep the present content, and restore the backup over it in one transaction. Throws where an in-place record's folder is gone. */
export function restoreInPlaceByHand(
  urls: { admin_url: string; backup_url: string },
  standby: StandbyRecord,
): string[] {
  const { folder, stored } =
    standby.backup ?? (JSON.parse(readFileSync(join(standby.copy, 'record.json'), 'utf8')) as Lies);
  const sealed = `${folder}/${stored.file}`;
  const packed = stored.sealed ? sealed.slice(0, -suffixOf(stored.sealed).length) : sealed;
  const plain = stored.packed ? packed.replace(/\.zst$/, '') : packed;
  const [list, script] = [quoted(`${plain}.list`), quoted(`${plain}.sql`)];
  const part = (grep: string, filter = '') => [
    `pg_restore --list ${quoted(plain)} | grep -E '^[0-9]+;' | grep -v ' COMMENT - EXTENSION ' | ${grep} >${list} || true`,
    `pg_restore --use-list=${list} --file=- ${quoted(plain)}${filter} >>${script}`,
  ];
  const [policies, objects] = [quoted(policyLine.source), `'^[0-9]+; [0-9]+ [0-9]+ BLOBS '`];
  return [
    urlLine('LIVE_URL', urls.admin_url),
    urlLine('READ_URL', urls.backup_url),
    ...(stored.sealed ? [openByHand(stored.sealed, quoted(sealed), quoted(packed))] : []),
    ...(stored.packed ? [`zstd -d -f -q ${quoted(packed)}`] : []),
    '# What is there now, first.',
    `pg_dump --format=custom --dbname="$READ_URL" --file=${quoted(`${folder}/before-by-hand-`)}"$(date +%s)".dump`,
    `cat >${script} <<'SQL'`,
    `${clearStatement};`,
    'SQL',
    ...part(`grep -vE ${policies} | grep -vE ${objects}`),
    '# Large objects come with a transaction of their own.',
    ...part(`grep -E ${objects}`, ` | sed -E '/^(BEGIN|COMMIT);$/d'`),
    '# Policies last: a materialized view over a table that they guard could not be filled.',
    ...part(`grep -E ${policies}`),
    `psql "$LIVE_URL" -X -q -v ON_ERROR_STOP=1 --single-transaction --output=/dev/null --file=${script}`,
    `rm -f ${list} ${script}`,
  ];
}

/** Without the application's driver in its scheme. */
function urlLine(name: string, url: string): string {
  const value = /^\$\{?\w+\}?$/.test(url) ? `"${url}"` : quoted(url);
  return `${name}=$(printf '%s' ${value} | sed -E 's#^postgres(ql)?(\\+[A-Za-z0-9_]+)?://#postgresql://#')`;
}
