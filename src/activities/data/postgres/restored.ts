import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { allEnded } from '../../../lib/all-ended.js';
import { replaceFile } from '../../../lib/files.js';
import type { StepContext } from '../../context.js';
import type { StoreBackup } from '../contract.js';
import { refuseDifferences } from '../differences.js';
import { withPlainFile, withScratch } from '../stored-file.js';
import { whyUnread } from '../tool-failure.js';
import { atDatabase } from './address.js';
import { findDifferences } from './compare.js';
import { query, withSession, type Session } from './connect.js';
import {
  createEmpty,
  findDatabase,
  grantStatements,
  serverMajor,
  settingStatements,
  shapeFromLines,
  shapeLines,
  type DatabaseShape,
} from './databases.js';
import type { Link } from './link.js';
import { programOf } from './programs.js';

/**
 * Restores the stored file into a new database `name` and compares everything with the manifest. `session` is the admin's, beside.
 * Throws BackupUnusable; the caller drops the database. `analyze`: with statistics, for whoever goes on to work with it. Connection limit and comment are the caller's to set, last.
 */
export async function makeRestored(
  context: StepContext,
  link: Link,
  session: Session,
  name: string,
  folder: string,
  backup: StoreBackup,
  analyze = false,
): Promise<DatabaseShape> {
  const shape = shapeFromLines(backup.catalog.database ?? []);
  const makeEmpty = async () => {
    await createEmpty(session, name, shape);
    // First, so that nobody reads the copy who may not read the live one.
    for (const statement of grantStatements(name, shape)) await query(session, statement);
  };
  // Looks at the file first: nothing is made for one that is not whole.
  await withPlainFile(context, folder, backup, (path) =>
    withUnpacked(
      context,
      name,
      path,
      backup,
      (dump) => restoreAll(context, link, session, name, dump, backup, shape, analyze),
      makeEmpty,
    ),
  );
  return shape;
}

/** pg_restore seeks in its file when it works with two at once. `meanwhile` is done by then, too. */
export async function withUnpacked<T>(
  context: StepContext,
  name: string,
  path: string,
  { packed }: StoreBackup,
  use: (path: string) => Promise<T>,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<T> {
  if (!packed) {
    await meanwhile();
    return use(path);
  }
  const zstd = await context.tools.find(packed);
  return withScratch(context, `${name}.dump`, async (plain) => {
    const unpacked = context
      .read({ argv: [zstd, '-d', '-q', '-c', path], outputFile: plain })
      .catch((error: unknown) => {
        throw whyUnread(error, `${path} cannot be unpacked into ${plain}`);
      });
    await allEnded([unpacked, meanwhile()]);
    return use(plain);
  });
}

async function restoreAll(
  context: StepContext,
  link: Link,
  session: Session,
  name: string,
  path: string,
  backup: StoreBackup,
  shape: DatabaseShape,
  analyze: boolean,
): Promise<void> {
  context.progress(`restoring ${backup.file} into ${name}`);
  await restoreFile(context, link, session, name, path, backup);
  context.progress(`comparing ${name} with the manifest`);
  const [differences] = await Promise.all([
    findDifferences(link, name, backup),
    analyze && withSession(atDatabase(link.admin, name), link.run, (inside) => query(inside, 'ANALYZE')),
  ]);
  refuseDifferences(backup, differences);
  // Last, because a setting like `default_transaction_read_only` would stop the restore.
  for (const statement of settingStatements(name, shape)) await query(session, statement);
  const made = await findDatabase(session, { name });
  const got = made ? shapeLines({ ...made, limit: shape.limit, comment: shape.comment }) : [];
  const unlike = (backup.catalog.database ?? []).filter((line) => !got.includes(line));
  // Names only: a setting's value may be secret.
  refuseDifferences(
    backup,
    unlike.map((line) => `database: ${Object.keys(JSON.parse(line) as object).join()} is not carried over`),
  );
}

/**
 * A materialized view over a table under FORCE ROW LEVEL SECURITY cannot be filled once its policies stand, nor a foreign key checked:
 * they come last, in a pass of their own, where there are any.
 */
async function restoreFile(
  context: StepContext,
  link: Link,
  session: Session,
  name: string,
  path: string,
  backup: StoreBackup,
): Promise<void> {
  const pgRestore = await programOf(context, link, 'pg_restore', await serverMajor(session));
  const list = join(context.folder, `${name}.list`);
  const address = atDatabase(link.admin, name);
  const restore = (...which: string[]) =>
    context.read(
      link.inside
        ? pgRestore.on(address, [...which, ...restoreArguments(name)], { inputFile: path })
        : pgRestore.on(address, [...which, '--jobs=2', ...restoreArguments(name), path]),
    );
  try {
    if (!hidesRows(backup)) return void (await restore());
    await context.read(
      link.inside
        ? pgRestore.on(address, ['--list'], { inputFile: path, outputFile: list })
        : pgRestore.on(address, ['--list', `--file=${list}`, path]),
    );
    const lines = (await readFile(list, 'utf8')).split('\n').filter((line) => /^\d+;/.test(line));
    const passes = [lines.filter((line) => !isPolicy(line)), lines.filter(isPolicy)].filter((pass) => pass.length > 0);
    for (const pass of passes) {
      await replaceFile(list, `${pass.join('\n')}\n`);
      await withList(context, link, list, (seen) => restore(`--use-list=${seen}`));
    }
  } catch (error) {
    throw whyUnread(error, `${path} does not restore into ${name}`);
  } finally {
    await rm(list, { force: true });
  }
}

/** Whether any table of it is under ROW LEVEL SECURITY. */
function hidesRows({ catalog }: StoreBackup): boolean {
  const { policies = [], relations = [] } = catalog;
  return policies.length > 0 || relations.some((line) => line.includes(' rls t '));
}

/** Lends the list as pg_restore sees it: inside a service it is put there, where standard input is the archive's. */
async function withList(
  context: StepContext,
  { inside }: Link,
  list: string,
  use: (path: string) => Promise<unknown>,
): Promise<void> {
  if (!inside) return void (await use(list));
  const there = `/tmp/slipway-${basename(list)}`;
  await context.read({ in: inside.service, argv: ['sh', '-c', 'umask 077; cat >"$1"', 'sh', there], inputFile: list });
  try {
    await use(there);
  } finally {
    await context.read({ in: inside.service, argv: ['rm', '-f', there] });
  }
}

/** A comment on another object may look like one on a policy: it is only restored later. */
export const policyLine = /^[0-9]+; [0-9]+ [0-9]+ (ROW SECURITY|POLICY|COMMENT .* POLICY) /;

export function isPolicy(line: string): boolean {
  return policyLine.test(line);
}

export function restoreArguments(name: string): string[] {
  // As a connection string, because a bare name with `=` in it would be read as one.
  const target = `dbname='${name.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  return ['--exit-on-error', '--no-password', `--dbname=${target}`];
}
