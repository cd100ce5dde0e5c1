import { fail } from '../../../errors.js';
import { dayMs } from '../../../lib/day.js';
import type { CommandRequest, StepContext } from '../../context.js';
import { toolEnv, type Address } from './address.js';
import type { Link } from './link.js';

/** A program may take as long as it needs; it dies with the worker. */

/** One of PostgreSQL's programs for a server of that major version or newer. */
export interface Program {
  path: string;
  major: number;
  /** The command that runs it on that database. Inside a service it sees no file of this host: content goes by standard input and output. */
  on(
    address: Address,
    argv: string[],
    files?: Pick<CommandRequest, 'inputFile' | 'outputFile' | 'outputThrough'>,
  ): CommandRequest;
}

/** On this host, or in the service where the server is, so that versions match. Throws ToolMissing. */
export async function programOf(
  context: StepContext,
  link: Link,
  name: 'pg_dump' | 'pg_restore',
  serverMajor: number,
): Promise<Program> {
  const { inside, run } = link;
  const where = inside ? { in: inside.service } : {};
  const { path, major } = inside
    ? { path: name, major: await majorInside(context, inside.service, name) }
    : await context.tools.postgres(name, serverMajor);
  if (major < serverMajor)
    throw fail(
      'ToolMissing',
      `${name} ${major} in ${inside?.service ?? path} is too old for a PostgreSQL ${serverMajor} server`,
    );
  if (name === 'pg_restore' && major >= 17 && serverMajor < 17)
    throw fail(
      'ToolMissing',
      `pg_restore ${major} sets transaction_timeout, which a PostgreSQL ${serverMajor} server does not know: install postgresql-client-${serverMajor}`,
    );
  return {
    path,
    major,
    on: (address, argv, files = {}) => ({
      ...where,
      ...files,
      argv: [path, ...argv],
      env: toolEnv(inside ? fromInside(address, inside.port) : address, run),
      deadlineMs: dayMs,
    }),
  };
}

async function majorInside(context: StepContext, service: string, name: string): Promise<number> {
  const { stdout } = await context.read({ in: service, argv: [name, '--version'] });
  return Number(/\) (\d+)/.exec(stdout ?? '')?.[1] ?? 0);
}

/** Within its own container the server is at home, whatever this host calls it; certificate files lie outside. */
function fromInside(address: Address, port: number): Address {
  return { ...address, host: '127.0.0.1', port, sslmode: 'prefer', files: {} };
}
