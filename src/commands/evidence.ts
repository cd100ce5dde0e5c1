import type { EvidenceAnswer } from '../activities/index.js';
import { exits } from '../exit-codes.js';
import { askHost } from '../client/ask-host.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { withTemporal } from '../client/with-temporal.js';

export interface EvidenceRequest extends Flags {
  environment: string;
  run?: string;
  verify?: boolean;
}

/** The report of a run, or whether its record is whole. Exit 1 where it is not. */
export async function evidence(cli: Cli, request: EvidenceRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment, run, verify } = request;
    const args = [{ ...(run ? { run } : {}), ...(verify ? { verify } : {}) }];
    const answer = await askHost<EvidenceAnswer>(cli, temporal, 'evidence', environment, args);
    const { verified } = answer;
    const broken = verified.ok
      ? ''
      : `the record of ${answer.run} is broken at entry ${verified.entry}: ${verified.problem}`;
    if (request.json) outJson(cli, answer);
    else if (!verify) cli.out(answer.report.trimEnd());
    else if (verified.ok)
      cli.out(
        `ok: ${answer.run}, ${verified.entries} entries, head ${verified.head}${answer.ended ? '' : ' (the run has not ended)'}`,
      );
    else cli.out(`broken: ${answer.run}, entry ${verified.entry}: ${verified.problem}`);
    if (broken) cli.say(`slipway: ${broken} (${answer.folder})`);
    return broken ? exits.failed : exits.asked;
  });
}
