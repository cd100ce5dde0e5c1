import { quoted } from '../../../lib/shell-line.js';
import type { StandbyRecord } from '../contract.js';
import { suffixes } from './companions.js';

/** Shell lines, for `set -eu` too, that swap the copy in with nothing but links and renames, also where it was swapped in before. */
export function swapByHand({ live, copy, copyOid, replaced }: StandbyRecord): string[] {
  const [file, from, kept] = [live.name, copy, replaced].map(quoted);
  const inode = (path: string) => `"$(stat -c %i ${path} 2>/dev/null || echo none)"`;
  return [
    `if [ ${inode(file!)} = ${copyOid} ]; then`,
    '  echo the copy is the live file already',
    `elif [ ${inode(file!)} != ${live.oid} ] || [ ${inode(from!)} != ${copyOid} ]; then`,
    '  echo this is not the file or the copy that was recorded: nothing was done; false',
    'else',
    `  for part in ${suffixes.join(' ')} ''; do`,
    `    [ ! -e ${file}$part ] || ln -f ${file}$part ${kept}$part`,
    '  done',
    `  rm -f ${suffixes.map((suffix) => `${file}${suffix}`).join(' ')}`,
    `  mv -fT ${from} ${file}`,
    '  sync',
    'fi',
  ];
}
