import type { StepContext } from '../../context.js';
import type { StoreBackup } from '../contract.js';
import { readOutput } from '../read-output.js';
import { sqliteArgv } from './program.js';

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
  const { tables, ...found } = JSON.parse(await ask(context, args)) as { tables: Tables } & Omit<Looked, 'contents'>;
  return { contents: { tables }, ...found };
}

/** Rows and a hash of each table, beside whoever uses the file. */
export async function countTables(context: StepContext, file: string): Promise<Tables> {
  return (JSON.parse(await ask(context, ['count', file])) as { tables: Tables }).tables;
}

async function ask(context: StepContext, args: string[]): Promise<string> {
  return readOutput(context, await sqliteArgv(context, args));
}
