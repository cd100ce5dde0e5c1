import { quoted } from '../../../lib/shell-line.js';
import type { StandbyRecord } from '../contract.js';

/** Shell lines, for `set -eu` too, that swap the copy in by two renames, also where it was swapped in before, or between the two. */
export function swapByHand({ live, copy, copyOid, replaced }: StandbyRecord): string[] {
  const [folder, from, kept] = [live.name, copy, replaced].map(quoted) as [string, string, string];
  const inode = (path: string) => `"$(stat -c %i ${path} 2>/dev/null || echo none)"`;
  return [
    `if [ ${inode(folder)} = ${copyOid} ]; then`,
    '  echo the copy is the live folder already',
    `elif [ ${inode(from)} != ${copyOid} ]; then`,
    '  echo this is not the copy that was recorded: nothing was done; false',
    'else',
    `  [ ${inode(folder)} != ${live.oid} ] || mv -T ${folder} ${kept}`,
    `  mv -T ${from} ${folder}`,
    '  sync',
    'fi',
  ];
}
