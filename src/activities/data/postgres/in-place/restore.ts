import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseError } from 'pg';
import { fail, rootMessage } from '../../../../errors.js';
import { replaceFile } from '../../../../lib/files.js';
import type { StepContext } from '../../../context.js';
import type { StoreBackup } from '../../contract.js';
import { catalogDifferences, contentDifferences, refuseDifferences } from '../../differences.js';
import { withPlainFile, withScratch } from '../../stored-file.js';
import { whyUnread } from '../../tool-failure.js';
import { comparable, readCatalog } from '../catalog.js';
import { query, type Session } from '../connect.js';
import { readContents } from '../contents.js';
import {
  alterSettings,
  commentStatement,
  grantStatements,
  limitStatement,
  serverMajor,
  settingStatements,
  shapeFromLines,
  shapeLines,
  type DatabaseShape,
} from '../databases.js';
import type { Link } from '../link.js';
import { quoteName } from '../names.js';
import { programOf } from '../programs.js';
import { isPolicy, withUnpacked } from '../restored.js';
import { outOfRange, readPositions } from '../sequences.js';
import { liveDatabase } from '../standby.js';
import { without } from '../compare.js';
import { clearStatement, keptExtensions } from './clear.js';
import { runData, runStatements } from './script.js';

/**
 * Within the session's transaction: empties the database, restores the stored file, and compares everything with the manifest. The caller commits,
 * or rolls back at whatever is thrown. Throws BackupUnusable.
 */
export async function restoreInto(
  context: StepContext,
  link: Link,
  session: Session,
  folder: string,
  backup: StoreBackup,
): Promise<void> {
  // The end of this transaction decides what a person is told: it has to survive a crash of the server.
  await query(session, 'SET LOCAL synchronous_commit = on');
  await withPlainFile(context, folder, backup, (path) =>
    withUnpacked(context, `${link.store}.in-place`, path, backup, (dump) =>
      restore(context, link, session, dump, backup),
    ),
  );
}

async function restore(
  context: StepContext,
  link: Link,
  session: Session,
  dump: string,
  backup: StoreBackup,
): Promise<void> {
  const kept = new Set((await query<{ name: string }>(session, keptExtensions)).map(({ name }) => name));
  const script = await scriptsOf(context, link, session, dump, kept);
  context.progress(`emptying ${link.admin.database} and restoring ${backup.file} into it`);
  await query(session, clearStatement);
  await script.run('objects', async (file) => runStatements(session, await readFile(file, 'utf8')));
  await script.run('rows', (file) => runData(session, file));
  // Before policies and grants: the admin is a member of each owner, and sees all that an owner sees.
  context.progress(`comparing ${link.admin.database} with the manifest`);
  await query(session, "SELECT set_config('search_path', 'pg_catalog', false)");
  refuseDifferences(backup, contentDifferences(backup.contents, await readContents([session])));
  await script.run('rest', async (file) => runStatements(session, await readFile(file, 'utf8')));
  await script.run('policies', async (file) => runStatements(session, await readFile(file, 'utf8')));
  await query(session, "SELECT set_config('search_path', 'pg_catalog', false)");
  refuseDifferences(backup, [
    ...catalogDifferences(without(backup.catalog), without(await readCatalog(session)), comparable),
    ...outOfRange(backup.catalog.sequences ?? [], await readPositions(session)),
  ]);
  await query(session, 'ANALYZE');
  // Last: from here on nobody else may change the database as such.
  await carryOver(link, session, backup);
}

type Part = 'objects' | 'rows' | 'rest' | 'policies';

/** What pg_restore would run, in four parts: each is written, run and removed. */
async function scriptsOf(context: StepContext, link: Link, session: Session, dump: string, kept: Set<string>) {
  const pgRestore = await programOf(context, link, 'pg_restore', await serverMajor(session));
  const list = join(context.folder, `${link.store}.in-place.list`);
  const listed = async (...of: string[]): Promise<string[]> => {
    await context.read(pgRestore.on(link.admin, ['--list', ...of, `--file=${list}`, dump]));
    return (await readFile(list, 'utf8')).split('\n').filter((line) => /^\d+;/.test(line) && !isOfKept(line, kept));
  };
  const all = await listed();
  const [before, rows] = [await listed('--section=pre-data'), new Set(await listed('--section=data'))];
  const objects = new Set(before.filter((line) => !isPolicy(line) && !isGrant(line)));
  const parts: Record<Part, string[]> = {
    objects: [...objects],
    rows: [...rows],
    rest: all.filter((line) => !objects.has(line) && !rows.has(line) && !isPolicy(line)),
    policies: all.filter(isPolicy),
  };
  return {
    run: async (part: Part, use: (file: string) => Promise<void>): Promise<void> => {
      if (parts[part].length === 0) return;
      await withScratch(context, `${link.store}.${part}.sql`, async (file) => {
        try {
          await replaceFile(list, `${parts[part].join('\n')}\n`);
          await context.read(pgRestore.on(link.admin, [`--use-list=${list}`, `--file=${file}`, dump]));
          await use(file);
        } catch (error) {
          const reads = `${dump} does not restore in place, at its ${part}`;
          // What the server says has a code of five; what it says of itself, or of the session, is nothing against the file.
          if (!(error instanceof DatabaseError)) throw whyUnread(error, reads);
          throw /^(57|08|53|40|55)/.test(error.code ?? '')
            ? error
            : fail('BackupUnusable', `${reads}: ${rootMessage(error)}`);
        } finally {
          await rm(list, { force: true });
        }
      });
    },
  };
}

function isGrant(line: string): boolean {
  return /^[0-9]+; [0-9]+ [0-9]+ (ACL|DEFAULT ACL) /.test(line);
}

function isOfKept(line: string, kept: Set<string>): boolean {
  const [, name] = /^[0-9]+; [0-9]+ [0-9]+ (?:EXTENSION - |COMMENT - EXTENSION )(\S+)/.exec(line) ?? [];
  return name !== undefined && kept.has(name);
}

/** What belongs to the database itself, where a release has changed it. */
async function carryOver(link: Link, session: Session, backup: StoreBackup): Promise<void> {
  const name = link.admin.database;
  const live = await liveDatabase(session, name);
  const shape = withGrants(shapeFromLines(backup.catalog.database ?? []));
  const unlike = (now: DatabaseShape) => {
    const lines = shapeLines(withGrants(now));
    return shapeLines(shape).filter((line) => !lines.includes(line) || lines.length !== shapeLines(shape).length);
  };
  if (unlike(live).length === 0) return;
  const [database, grantees] = [quoteName(name), new Set((live.acl ?? []).map(({ grantee }) => grantee))];
  for (const statement of [
    ...[...grantees].map((one) => `REVOKE ALL ON DATABASE ${database} FROM ${one === 'PUBLIC' ? one : quoteName(one.slice(1))}`), // prettier-ignore
    ...grantStatements(name, shape),
    ...[...new Set(live.settings.map(({ role }) => role))].map((role) => alterSettings(name, role, 'RESET ALL')),
    ...settingStatements(name, shape),
    limitStatement(name, shape),
    commentStatement(name, shape.comment),
  ])
    await query(session, statement);
  // Names only: a setting's value may be secret.
  const left = unlike(await liveDatabase(session, name)).map((line) => Object.keys(JSON.parse(line) as object).join());
  refuseDifferences(
    backup,
    left.map((what) => `database: ${what} is not carried over`),
  );
}

/** Where nothing was ever granted, the server's own default holds; once something was, it stands written down. */
function withGrants(shape: DatabaseShape): DatabaseShape {
  const granted = (grantee: string, ...privileges: string[]) =>
    privileges.map((privilege) => ({ grantee, privilege, grantable: false }));
  const owner = granted(`=${shape.owner}`, 'CREATE', 'TEMPORARY', 'CONNECT');
  return { ...shape, acl: shape.acl ?? [...granted('PUBLIC', 'TEMPORARY', 'CONNECT'), ...owner] };
}
