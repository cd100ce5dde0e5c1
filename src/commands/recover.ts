import type { HostState } from '../activities/index.js';
import { failureType, rootMessage } from '../errors.js';
import { exitOfFailure, exits } from '../exit-codes.js';
import { formatTime } from '../view/duration.js';
import { outJson, type Cli, type Flags } from '../client/cli.js';
import { finish } from '../client/finish.js';
import { follow } from '../client/follow.js';
import { checkKnown } from '../client/known.js';
import { askHost } from '../client/ask-host.js';
import { describeHolder, findHolder } from '../client/holder.js';
import { tryStart } from '../client/start-run.js';
import type { Temporal } from '../lib/connection.js';
import { nameOf } from '../client/who.js';
import { withTemporal } from '../client/with-temporal.js';
import { TimeoutFailure } from '@temporalio/common';

export interface RecoverRequest extends Flags {
  environment: string;
  by?: string;
}

/** Shows what the host knows of a run that did not end, and the way back by hand. Changes nothing. */
export async function recover(cli: Cli, request: RecoverRequest): Promise<number> {
  return withTemporal(cli, request, async (temporal) => {
    const { environment } = request;
    await checkKnown(temporal, environment);
    const run = await tryStart(temporal, 'recover', environment, { by: nameOf(request.by, cli.env) });
    if (!run) return showHeld(cli, temporal, request);
    const ended = await follow(cli, temporal, run);
    if (ended.is === 'completed') return show(cli, ended.result as HostState, request.json);
    if (ended.is !== 'failed') return finish(cli, temporal, run, ended, 'recover', request);
    const unserved = ended.error.cause?.cause instanceof TimeoutFailure;
    cli.say(
      `slipway: ${unserved ? `no worker serves ${environment}: start \`slipway worker\` on its host` : rootMessage(ended.error)}`,
    );
    return exitOfFailure(failureType(ended.error));
  });
}

/** A run still goes: what its host knows is shown all the same. */
async function showHeld(cli: Cli, temporal: Temporal, { environment, json }: RecoverRequest): Promise<number> {
  const holder = await findHolder(temporal, environment);
  if (holder) cli.say(`${cli.sayStyle.mark('note')} ${await describeHolder(temporal, environment, holder)}`);
  return show(cli, await askHost<HostState>(cli, temporal, 'state', environment), json);
}

function show(cli: Cli, state: HostState, json = false): number {
  if (json) {
    outJson(cli, state);
    return exits.asked;
  }
  const { environment, journal, current, undo, undoPath } = state;
  cli.out(
    `${environment} on ${state.host}: ${current ? `${current.version} (${current.sha.slice(0, 7)}) is what the history says runs` : 'the history says that nothing runs'}`,
  );
  if (!journal) {
    cli.out('no run is open: nothing to recover');
    return exits.asked;
  }
  const { last } = journal;
  cli.out(
    `run ${journal.run} (${journal.kind}, since ${formatTime(journal.claimedAt)}) did not end; its last step was ${last.undo ? 'undo ' : ''}${last.step}, ${formatTime(last.at)}`,
  );
  cli.out(undoPath ? `the way back by hand, ${undoPath}:\n` : 'the host has no undo.md of it');
  if (undo) cli.out(undo.trimEnd());
  return exits.asked;
}
