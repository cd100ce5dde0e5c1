import type { Temporal } from '../lib/connection.js';
import { exits, type Asked } from '../exit-codes.js';
import { outJson, type Cli, type Flags } from './cli.js';
import { comeBack, finish } from './finish.js';
import { follow } from './follow.js';
import type { StartedRun } from './start-run.js';

/** Follows a run that was started, unless asked not to. */
export async function runToEnd(
  cli: Cli,
  temporal: Temporal,
  run: StartedRun,
  asked: Asked,
  flags: Flags & { detach?: boolean },
): Promise<number> {
  if (flags.detach) {
    if (flags.json) outJson(cli, run);
    const next = run.id ? comeBack(run) : `follow it with: slipway watch ${run.environment}`;
    cli.say(`${cli.sayStyle.mark('running')} started in ${run.environment}; ${next}`);
    return exits.asked;
  }
  return finish(cli, temporal, run, await follow(cli, temporal, run), asked, flags);
}
