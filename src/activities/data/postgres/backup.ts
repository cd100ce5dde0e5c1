import { failureType } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import type { StoreBackup } from '../contract.js';
import { storeFile, type StoredFile } from '../stored-file.js';
import { readCatalog } from './catalog.js';
import { close, connect, query, withSession, type Session } from './connect.js';
import { readContents } from './contents.js';
import { findDatabase, serverMajor, shapeLines } from './databases.js';
import type { Link } from './link.js';
import { programOf, type Program } from './programs.js';
import { rangeLines, readPositions } from './sequences.js';

/**
 * Writes `<folder>/<store>.dump`. One exported snapshot feeds `pg_dump` and everything that the manifest says, so that both speak of the
 * same moment. A role that does not see every row fails here, loudly: row security is off, never `--enable-row-security`.
 */
export async function takeBackup(context: StepContext, link: Link, folder: string): Promise<StoreBackup> {
  return withSession(link.backup, link.run, async (session) => {
    const snapshot = await exportSnapshot(session);
    const before = await readPositions(session);
    const [stored, seen] = await Promise.all([
      storeDump(context, link, session, snapshot, folder),
      readAll(link, session, snapshot),
    ]);
    const after = await readPositions(session);
    const catalog = { ...seen.catalog, sequences: rangeLines(before, after) };
    return { store: link.store, kind: 'postgres', ...stored, contents: seen.contents, catalog };
  });
}

/** Begins a transaction that others can see the same moment by, until the session ends. */
export async function exportSnapshot(session: Session): Promise<string> {
  await query(session, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const [row] = await query<{ snapshot: string }>(session, 'SELECT pg_export_snapshot() AS snapshot');
  return row?.snapshot ?? '';
}

/** Dumped, packed and hashed; what `zstd` packed is also unpacked, to its last byte, on its way to the file. */
export async function storeDump(
  context: StepContext,
  link: Link,
  session: Session,
  snapshot: string,
  folder: string,
): Promise<StoredFile & Pick<StoreBackup, 'packed'>> {
  const pgDump = await programOf(context, link, 'pg_dump', await serverMajor(session));
  const zstd = pgDump.major < 16 ? await context.tools.find('zstd').catch(() => undefined) : undefined;
  const name = `${link.store}.dump${zstd ? '.zst' : ''}`;
  const write = (file: string) => dump(context, link, pgDump, snapshot, file, zstd);
  // Alone, pg_dump goes back to the table of contents at the end.
  const stored = await storeFile(context, folder, name, write, { inOrder: zstd !== undefined });
  return { ...stored, ...(zstd ? { packed: 'zstd' } : {}) };
}

/** Contents and catalog by the session's snapshot, with a second session on the same one for the tables. */
async function readAll(
  link: Link,
  session: Session,
  snapshot: string,
): Promise<Pick<StoreBackup, 'contents' | 'catalog'>> {
  const second = await connect(link.backup, link.run);
  try {
    await query(second, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await query(second, `SET TRANSACTION SNAPSHOT '${snapshot}'`);
    const found = await findDatabase(session, { name: link.backup.database });
    const catalog = { ...(await readCatalog(session)), database: found ? shapeLines(found) : [] };
    return { contents: await readContents([session, second]), catalog };
  } finally {
    await close(second);
  }
}

/** zstd packs five times as fast as gzip, and smaller: pg_dump has it from 16 on, where it was built in; before, `zstd` itself packs. */
async function dump(
  context: StepContext,
  link: Link,
  pgDump: Program,
  snapshot: string,
  file: string,
  zstd: string | undefined,
): Promise<void> {
  const run = (compression: string) => {
    const streams = link.inside ?? zstd;
    const argv = dumpArguments(snapshot, streams ? undefined : file, compression);
    const through = zstd ? { outputThrough: zstd } : {};
    return context.read(pgDump.on(link.backup, argv, streams ? { outputFile: file, ...through } : {}));
  };
  if (pgDump.major < 16) return void (await run(zstd ? '0' : '1'));
  try {
    await run('zstd:1');
  } catch (error) {
    if (failureType(error) !== 'CommandFailed' || !/does not support compression/.test(String(error))) throw error;
    await run('gzip:1');
  }
}

/** Without a file it goes to standard output. */
export function dumpArguments(snapshot: string, file: string | undefined, compression: string): string[] {
  return [
    '--format=custom',
    `--snapshot=${snapshot}`,
    `--compress=${compression}`,
    '--lock-wait-timeout=60000',
    '--no-password',
    ...(file === undefined ? [] : [`--file=${file}`]),
  ];
}
