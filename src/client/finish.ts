import { TerminatedFailure } from '@temporalio/common';
import { failureType, rootMessage } from '../errors.js';
import { exitOfFailure, exitOfReport, exits, type Asked } from '../exit-codes.js';
import type { Temporal } from '../lib/connection.js';
import type { Report } from '../model.js';
import { renderReport } from '../view/report.js';
import { outJson, type Cli, type Flags } from './cli.js';
import type { Ended } from './follow.js';
import type { StartedRun } from './start-run.js';

/** Tells how the following ended, and turns it into an exit code. */
export function finish(
  cli: Cli,
  temporal: Temporal,
  run: StartedRun,
  ended: Ended,
  asked: Asked,
  flags: Flags,
): number {
  const { environment } = run;
  if (ended.is === 'left') {
    cli.say(`the run goes on without us; ${comeBack(run)}`);
    return asked === 'watch' ? exits.asked : exits.detached;
  }
  if (ended.is === 'asks') {
    cli.say(
      `slipway: the run waits for an answer to a failure (above); then come back with: slipway watch ${environment}`,
    );
    return exits.person;
  }
  const report = ended.is === 'completed' ? (ended.result as Report) : ended.report;
  if (report) {
    if (flags.json) outJson(cli, report);
    else renderReport(report, cli.outStyle, uiLink(cli, temporal, run)).forEach((line) => cli.out(line));
    return exitOfReport(report, asked);
  }
  return withoutReport(cli, environment, ended);
}

export function comeBack({ environment, id }: StartedRun): string {
  return id ? `slipway status ${environment} shows it` : `come back with: slipway watch ${environment}`;
}

function withoutReport(cli: Cli, environment: string, ended: Ended): number {
  const error = ended.is === 'failed' ? ended.error : undefined;
  if (error?.cause instanceof TerminatedFailure) {
    cli.say(`slipway: the run was terminated in Temporal, and nothing was undone: slipway recover ${environment}`);
    return exits.person;
  }
  cli.say(`slipway: ${rootMessage(error)}`);
  return exitOfFailure(failureType(error));
}

/** The run's page, where SLIPWAY_UI says where the UI is. */
function uiLink(
  { env }: Cli,
  { namespace }: Temporal,
  { environment, id = environment, runId }: StartedRun,
): string | undefined {
  const ui = env.SLIPWAY_UI?.replace(/\/+$/, '');
  return ui && `${ui}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}/${runId}`;
}
