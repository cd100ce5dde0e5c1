import { fail } from '../errors.js';
import { exits } from '../exit-codes.js';
import type { Cli, Flags } from './cli.js';
import { outJson } from './cli.js';
import { decide, type Decided } from './decide.js';
import { findHolder } from './holder.js';
import { checkKnown } from './known.js';
import { startCommands } from './start-commands.js';
import { withTemporal } from './with-temporal.js';

/** Sends one decision to the run that holds an environment, and tells what became of it. */
export async function sayDecision(
  cli: Cli,
  flags: Flags & { environment: string },
  name: string,
  message: Record<string, string | undefined>,
): Promise<number> {
  return withTemporal(cli, flags, async (temporal) => {
    const { environment } = flags;
    const holder = await findHolder(temporal, environment);
    if (!holder?.running) {
      await checkKnown(temporal, environment);
      const [start] = startCommands({ kind: 'deploy', environment, version: 'VERSION' });
      throw fail(
        'Unreachable',
        `nothing runs in ${environment}, so nothing waits for ${name}: see slipway status ${environment}, or start with ${start}`,
      );
    }
    const decided = await decide(temporal, { environment, runId: holder.runId }, name, message);
    if (flags.json) outJson(cli, { environment, runId: holder.runId, ...decided });
    return tellDecision(cli, environment, decided);
  });
}

export function tellDecision(cli: Cli, environment: string, decided: Decided): number {
  if (decided.is === 'refused') {
    cli.say(`slipway: refused: ${decided.reason}`);
    return exits.refused;
  }
  const stored = `stored, not yet checked: no worker answered for ${environment}; slipway watch ${environment} shows what becomes of it`;
  cli.say(
    decided.is === 'stored'
      ? `${cli.sayStyle.mark('note')} ${stored}`
      : `${cli.sayStyle.mark('done')} ${decided.answer}`,
  );
  return exits.asked;
}
