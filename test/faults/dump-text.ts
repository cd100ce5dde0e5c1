import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findTools } from '../../src/lib/tools.js';
import type { Version } from '../stack/postgres-versions.js';

/** A whole database as text: schema, rows, sequences, owners, grants, policies, large objects, the database's own settings. */
export async function dumpText(superuserUrl: string, version?: Version): Promise<string> {
  const pgDump = version
    ? (await version.client.postgres('pg_dump', version.major)).path
    : await findTools().find('pg_dump');
  const { stdout } = await promisify(execFile)(pgDump, ['--create', superuserUrl], { maxBuffer: 2 ** 28 });
  return stdout.replace(/^\\(un)?restrict .*$/gm, '');
}

/** The first line that differs; none where none does. */
export function firstDifference(before: string, now: string): string[] {
  if (before === now) return [];
  const [was, is] = [before.split('\n'), now.split('\n')];
  const at = was.findIndex((line, index) => line !== is[index]);
  return [`line ${at + 1}: "${was[at]}" is "${is[at]}"`];
}
