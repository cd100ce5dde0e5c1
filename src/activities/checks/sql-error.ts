import type { Check } from '../../model.js';
import { BROKEN_OFF } from './sql-client.js';
import { showMs } from './shown.js';

/** What the server or the way to it refused, and where that is mended. */
export function describeSqlError(error: unknown, check: Check, withinMs: number, spentMs: number): string {
  const { code = '', message, hint } = readError(error);
  const as = typeof check.as === 'string' ? ` (as role ${check.as})` : '';
  if (
    code === '57014' ||
    message === BROKEN_OFF ||
    /timeout expired|Connection terminated due to connection timeout/.test(message)
  ) {
    return `no result within ${showMs(withinMs)} (after ${showMs(spentMs)}): a lock, a slow query, or a server that does not answer`;
  }
  if (code === '25006') return `the query would change data: ${message}; say \`changes: true\` where it has to`;
  if (code === '42601' && /multiple commands/.test(message)) return 'only one statement is allowed in a sql check';
  if (code === '42501' && /set role/.test(message))
    return `${message}: GRANT that role to the login of the database's url`;
  if (code === '28P01' || code === '28000') return `the login was refused: ${message}`;
  if (code === '53300') return `the server has no connection left: ${message}`;
  if (code === 'ECONNREFUSED') return `no PostgreSQL listens there: ${message}`;
  if (/^(ENOTFOUND|EAI_AGAIN)$/.test(code)) return `the server's name cannot be looked up: ${message}`;
  return `${message}${as}${code ? ` (${code})` : ''}${hint ? `; ${hint}` : ''}`;
}

function readError(error: unknown): { code?: string; message: string; hint?: string } {
  if (error instanceof AggregateError && error.errors.length > 0) return readError(error.errors[0]);
  return error instanceof Error ? error : { message: String(error) };
}
