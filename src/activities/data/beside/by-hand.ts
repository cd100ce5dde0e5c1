import { quoted } from '../../../lib/shell-line.js';
import type { StandbyRecord } from '../contract.js';
import { openByHand, suffixOf } from '../seal.js';

/**
 * Shell lines that put a backup, where one stands for a copy, in place of the live store: `make` tells how the new one is made of the plain file.
 * What was live is kept beside it, under a name of its own each time. `parts`: suffixes of what belongs to it.
 */
export function restoreByHand(
  { live, backup }: StandbyRecord,
  make: (plain: string, to: string) => string[],
  parts: string[] = [],
): string[] {
  const { folder, stored } = backup!;
  const file = `${folder}/${stored.file}`;
  const plain = stored.sealed ? file.slice(0, -suffixOf(stored.sealed).length) : file;
  const [place, fresh] = [quoted(live.name), quoted(`${live.name}.by-hand`)];
  return [
    ...(stored.sealed ? [openByHand(stored.sealed, quoted(file), quoted(plain))] : []),
    `rm -rf ${fresh}`,
    ...make(quoted(plain), fresh),
    `KEPT=${quoted(`${live.name}.before-hand-`)}"$(date +%s)"`,
    `for part in ${parts.join(' ')} ''; do`,
    `  [ ! -e ${place}$part ] || mv -T ${place}$part "$KEPT"$part`,
    'done',
    `mv -T ${fresh} ${place}`,
    'sync',
  ];
}
