import { fileURLToPath } from 'node:url';
import type { CommandResult } from '../../../lib/command.js';
import { dayMs } from '../../../lib/day.js';
import type { CommandRequest, StepContext } from '../../context.js';

const program = fileURLToPath(new URL('./sqlite.py', import.meta.url));

/** Exit code where somebody else uses the file. */
export const busy = 3;

/** Runs the one program that reads and copies SQLite files. Throws ToolMissing, CommandFailed. */
export async function runSqlite(
  context: StepContext,
  args: string[],
  more: Pick<CommandRequest, 'input' | 'ok' | 'outputFile'> = {},
): Promise<CommandResult> {
  return context.read({ argv: await sqliteArgv(context, args), deadlineMs: dayMs, ...more });
}

export async function sqliteArgv(context: StepContext, args: string[]): Promise<string[]> {
  return [await context.tools.find('python3'), program, ...args];
}
