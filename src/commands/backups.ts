import { fail } from '../errors.js';
import { exits } from '../exit-codes.js';
import type { KeptList, KeptThing } from '../model.js';
import { renderKept } from '../view/kept.js';
import { askHost } from '../client/ask-host.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { nameOf } from '../client/who.js';
import { withTemporal } from '../client/with-temporal.js';

export interface BackupsRequest extends Flags {
  environment: string;
  prune?: boolean;
  yes?: boolean;
  by?: string;
}

/** What is kept for a way back; with --prune what retention does not keep any more, destroyed only with --yes. */
export async function backups(cli: Cli, request: BackupsRequest): Promise<number> {
  const { environment, prune = false, yes = false } = request;
  if (yes && !prune) throw fail('Usage', '--yes goes with --prune');
  return withTemporal(cli, request, async (temporal) => {
    const list = await askHost<KeptList>(cli, temporal, 'backups', environment);
    const shown = prune ? list.things.filter(({ stays }) => stays === null) : list.things;
    const names = shown.map(({ name }) => name);
    const by = nameOf(request.by, cli.env);
    const gone = yes ? await askHost<KeptThing[]>(cli, temporal, 'prune', environment, [{ names, by }]) : [];
    if (request.json) outJson(cli, { ...list, things: yes ? gone : shown, removed: yes });
    else renderKept(yes ? gone : shown, Date.now()).forEach((line) => cli.out(line));
    for (const problem of list.problems) cli.say(`slipway: ${problem}`);
    if (yes) cli.say(`${cli.sayStyle.mark('done')} ${gone.length} removed, noted in pruned.jsonl of ${environment}`);
    else if (prune && names.length > 0)
      cli.say(`nothing was removed so far: slipway backups ${environment} --prune --yes removes these`);
    else if (shown.length === 0)
      cli.say(prune ? 'all that is kept is needed' : `there is no backup: slipway backup ${environment}`);
    return exits.asked;
  });
}
