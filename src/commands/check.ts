import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureType } from '../errors.js';
import { exits } from '../exit-codes.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { follow } from '../client/follow-check.js';
import { checkKnown } from '../client/known.js';
import { noWorkflowWorker } from '../client/read.js';
import { withTemporal } from '../client/with-temporal.js';
import { workflowQueue, type Temporal } from '../lib/connection.js';
import type { ChecksNow } from '../model.js';
import { renderChecks } from '../view/checks.js';

export interface CheckRequest extends Flags {
  environment: string;
  names: string[];
  watch?: boolean;
}

/** Between two rounds of `--watch`. */
const PAUSE_MS = 5000;

/** Runs checks against what runs now, once or until Ctrl-C. Exit code 4 where one that must pass failed (with `watch`: in the last round). */
export async function check(cli: Cli, request: CheckRequest): Promise<number> {
  const { environment, watch = false } = request;
  return withTemporal(cli, request, async (temporal) => {
    if (!(await checkKnown(temporal, environment))) throw noWorkflowWorker();
    const left = cli.interrupted();
    for (let round = 1; ; round += 1) {
      const found = await once(cli, temporal, request, left).catch((error: unknown) => {
        // A mistake stays one; whatever else went wrong is looked at again.
        if (!watch || round === 1 || failureType(error) === 'Usage') throw error;
        cli.say(`slipway: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      });
      if (left.aborted && !found) return watch ? exits.asked : exits.detached;
      if (found) tell(cli, found, request, round);
      if (!watch) return found?.results.some(isFailure) ? exits.refused : exits.asked;
      await sleep(PAUSE_MS, undefined, { signal: left }).catch(() => undefined);
      if (left.aborted) return found?.results.some(isFailure) ? exits.refused : exits.asked;
    }
  });
}

async function once(
  cli: Cli,
  temporal: Temporal,
  { environment, names, watch }: CheckRequest,
  left: AbortSignal,
): Promise<ChecksNow | undefined> {
  const workflowId = `${environment}/check-${randomBytes(4).toString('hex')}`;
  const handle = await temporal.client.workflow.start('check', {
    workflowId,
    taskQueue: workflowQueue,
    args: [{ ...(names.length > 0 ? { names } : {}), ...(watch ? { again: true } : {}) }],
    staticSummary: names.length > 0 ? `check ${names.join(', ')}`.slice(0, 120) : 'check',
  });
  const ended = await follow(cli, temporal, { environment, id: workflowId, runId: handle.firstExecutionRunId }, left);
  if (ended === undefined) await handle.cancel().catch(() => undefined);
  return ended;
}

function tell(cli: Cli, found: ChecksNow, { json, watch, names, environment }: CheckRequest, round: number): void {
  if (json) {
    // One line a round, for a reader of lines.
    if (watch) cli.out(JSON.stringify({ at: new Date().toISOString(), ...found }));
    else outJson(cli, found);
    return;
  }
  if (watch) cli.out(`${new Date().toISOString().slice(0, 19)}Z`);
  renderChecks(found, cli.outStyle).forEach((line) => cli.out(line));
  if (round === 1)
    for (const { name, since } of found.leftOut)
      cli.say(
        `${cli.sayStyle.mark('note')} left out: ${name}, since ${since}; to run it: slipway check ${environment} ${name}`,
      );
  const asked = found.results.filter(({ ask }) => ask);
  if (names.length > 0 && asked.length > 0)
    cli.say(`${cli.sayStyle.mark('note')} outside a release nobody waits for an answer: look for yourself`);
}

function isFailure({ outcome, must }: ChecksNow['results'][number]): boolean {
  return outcome === 'fail' && must === 'must';
}
