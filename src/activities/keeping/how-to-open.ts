import { join } from 'node:path';
import { replaceFile } from '../../lib/files.js';
import { quoted } from '../../lib/shell-line.js';
import type { BackupManifest, StoreBackup } from '../data/contract.js';
import { shapeFromLines } from '../data/postgres/databases.js';
import { openByHand, suffixOf } from '../data/seal.js';

/** Lies in each backup's folder. */
export const howToOpenFile = 'how-to-open.md';

/** Writes down, for whoever has nothing but this folder, how each file is opened and read. */
export async function writeHowToOpen(folder: string, manifest: BackupManifest): Promise<void> {
  await replaceFile(join(folder, howToOpenFile), howToOpen(manifest));
}

export function howToOpen({ id, environment, takenAt, version, stores }: BackupManifest): string {
  return [
    `# Backup ${id} of ${environment}`,
    '',
    `Taken ${takenAt}, of version ${version ?? '(none)'}. It needs no Slipway: in this folder,`,
    '',
    '```sh',
    `sha256sum -c <<'EOF'`,
    ...stores.map(({ sha256, file }) => `${sha256}  ${file}`),
    'EOF',
    ...stores.flatMap(open),
    '```',
    '',
    ...new Set(stores.flatMap(secrets)),
  ].join('\n');
}

function open(store: StoreBackup): string[] {
  const { sealed, file, kind } = store;
  const stored = sealed ? file.slice(0, -suffixOf(sealed).length) : file;
  const plain = store.packed ? stored.replace(/\.zst$/, '') : stored;
  return [
    ...(sealed ? ['', openByHand(sealed, quoted(file), quoted(stored))] : ['']),
    ...(store.packed ? [`zstd -d ${quoted(stored)}`] : []),
    ...{
      postgres: [
        '# Where its roles are not there: without --owner, and with --no-owner --no-acl for pg_restore.',
        `createdb --template=template0 --owner=${quoted(ownerOf(store))} NEW-DATABASE`,
        `pg_restore --exit-on-error --dbname=NEW-DATABASE ${quoted(plain)}`,
      ],
      sqlite: [`sqlite3 ${quoted(plain)} .tables   # it is the database itself`],
      files: [`tar --extract --file=${quoted(plain)} --directory=NEW-FOLDER`],
    }[kind],
  ];
}

function ownerOf({ catalog }: StoreBackup): string {
  return shapeFromLines(catalog.database ?? []).owner;
}

function secrets({ sealed }: StoreBackup): string[] {
  if (!sealed) return [];
  return sealed.by === 'openssl'
    ? [`\`${sealed.passphrase}\` is the variable of that name in the environment's env file: export it first.`, '']
    : [`KEY-FILE holds the secret key (\`AGE-SECRET-KEY-…\`) of one of: ${sealed.recipients.join(', ')}`, ''];
}
