import type { Temporal } from '../lib/connection.js';
import type { Cli } from './cli.js';
import { checkKnown } from './known.js';
import { noWorkflowWorker, read } from './read.js';

/** What a host answers to a short workflow. After 5 s it is said that we wait; after a minute, that no worker serves it. */
export async function askHost<T>(
  cli: Cli,
  temporal: Temporal,
  type: string,
  environment: string,
  args: unknown[] = [],
): Promise<T> {
  if (!(await checkKnown(temporal, environment))) throw noWorkflowWorker();
  const waiting = `${cli.sayStyle.mark('note')} the host of ${environment} has not answered yet; waiting for up to a minute`;
  const timer = setTimeout(() => cli.say(waiting), 5000);
  try {
    return await read<T>(temporal, type, { environment, args });
  } finally {
    clearTimeout(timer);
  }
}
