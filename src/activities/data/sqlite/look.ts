import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepContext } from '../../context.js';
import type { StoreBackup } from '../contract.js';
import { runSqlite } from './program.js';

type Tables = StoreBackup['contents']['tables'];
export type Looked = Pick<StoreBackup, 'contents' | 'catalog'> & {
  /** What SQLite itself finds wrong with the file, where it was asked. */
  damage: string[];
  /** Each with its table, type, and what else it was declared as. */
  columns: [table: string, column: string, ...rest: unknown[]][];
};

/**
 * All that makes two databases equal, of a file that nobody writes; `checked`: with what SQLite finds wrong; `live`: the file may have a log beside it.
 * Throws CommandFailed where it is none.
 */
export async function lookAt(context: StepContext, file: string, option?: 'checked' | 'live'): Promise<Looked> {
  const args = ['look', file, ...(option ? [option] : [])];
  const { tables, ...found } = await answer<{ tables: Tables } & Omit<Looked, 'contents'>>(context, args);
  return { contents: { tables }, ...found };
}

/** Rows and a hash of each table, beside whoever uses the file. */
export async function countTables(context: StepContext, file: string): Promise<Tables> {
  return (await answer<{ tables: Tables }>(context, ['count', file])).tables;
}

/** By a file: thousands of tables do not fit into what is kept of a command's output. */
async function answer<T>(context: StepContext, args: string[]): Promise<T> {
  const folder = join(context.folder, 'looked');
  const outputFile = join(folder, `${randomUUID()}.json`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await runSqlite(context, args, { outputFile });
    return JSON.parse(await readFile(outputFile, 'utf8')) as T;
  } finally {
    await rm(outputFile, { force: true });
  }
}
