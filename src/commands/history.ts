import { exits } from '../exit-codes.js';
import type { HistoryEntry } from '../model.js';
import { renderHistory } from '../view/history.js';
import { askHost } from '../client/ask-host.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { withTemporal } from '../client/with-temporal.js';

export interface HistoryRequest extends Flags {
  environment: string;
}

/** The runs that ended in an environment, by its host's own record. */
export async function history(cli: Cli, request: HistoryRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment } = request;
    const entries = await askHost<HistoryEntry[]>(cli, temporal, 'history', environment);
    if (request.json) outJson(cli, entries);
    else if (entries.length > 0) renderHistory(entries).forEach((line) => cli.out(line));
    else
      cli.say(
        `nothing ran in ${environment} yet: slipway adopt ${environment}, or slipway deploy ${environment} VERSION`,
      );
    return exits.asked;
  });
}
