import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Client } from '@temporalio/client';
import { verifyEvidence } from '../src/lib/evidence.js';
import type { Report } from '../src/model.js';
import type { Bench } from './lib/bench.js';
import { noops } from './lib/noops.js';
import { interleave, quantile, tableOf } from './lib/samples.js';
import { environment, withStack, workflowQueue } from './lib/stack.js';

const bound = 1.25;

/** A1: what journal, evidence, undo.md, summaries, phases and current details add to a workflow that has none of them. */
export const bench: Bench = {
  title: 'a saga of 20 no-op steps against a plain Temporal workflow and a bash script',
  async measure({ rounds = 30, say }) {
    let text = '';
    let value = Number.NaN;
    await withStack(async ({ client, folder }) => {
      let last: Report | undefined;
      const samples = await interleave(
        [
          { name: 'saga', run: async () => (last = await runSaga(client)) },
          { name: 'plain workflow', run: () => runPlain(client, true) },
          { name: 'plain, 20 only', run: () => runPlain(client, false) },
          { name: 'bash', run: () => runBash(join(folder, 'bash.log')) },
        ],
        rounds,
        say,
      );
      await prove(last);
      value = Number((quantile(samples.saga ?? [], 0.5) / quantile(samples['plain workflow'] ?? [], 0.5)).toFixed(3));
      text = tableOf(samples, 'plain workflow');
    });
    return {
      text,
      goals: [
        {
          id: 'A1',
          goal: `saga of 20 steps: p50 ≤ ${bound} × that of a plain workflow with the same activities`,
          value,
          unit: '× plain p50',
          met: value <= bound,
        },
      ],
    };
  },
};

function runSaga(client: Client): Promise<Report> {
  return client.workflow.execute<(input: object) => Promise<Report>>('saga', {
    taskQueue: workflowQueue,
    workflowId: environment,
    workflowIdConflictPolicy: 'FAIL',
    args: [{}],
  });
}

let count = 0;
function runPlain(client: Client, frame: boolean): Promise<void> {
  return client.workflow.execute<(frame: boolean) => Promise<void>>('plain', {
    taskQueue: workflowQueue,
    workflowId: `${environment}/plain/${(count += 1)}`,
    args: [frame],
  });
}

/** What such a script does at least: a command, and a line that says so. */
async function runBash(log: string): Promise<void> {
  const script = 'set -eu; for step in "${@:2}"; do /bin/true; printf "%(%FT%TZ)T %s done\\n" -1 "$step" >> "$1"; done';
  await promisify(execFile)('bash', ['-c', script, 'bash', log, ...noops]);
}

/** What was timed was a whole run: its evidence is whole, too, and names each step. */
async function prove(report: Report | undefined): Promise<void> {
  const verdict = await verifyEvidence(report?.evidence ?? '');
  if (report?.outcome !== 'deployed' || !verdict.ok || verdict.entries !== noops.length + 2)
    throw new Error(`the saga did not do its work: ${JSON.stringify({ report, verdict })}`);
}
