import type { Client } from '@temporalio/client';
import { readJournal } from '../../src/lib/journal.js';
import { readHistory } from '../../src/lib/history.js';
import { startRun } from '../../src/client/start-run.js';
import { rootMessage } from '../../src/errors.js';
import { inSecondNamespace } from '../systems/second-namespace.js';
import { approveAll, until, withStand, type Ended, type Stand, type StandSettings } from '../systems/stand.js';

export interface Starts {
  starts: number;
  refused: number;
  faults: string[];
}

/**
 * B6: that many simultaneous starts for one environment, from two namespaces that know nothing of each other, whose workers are on one host. One
 * release runs, the others are refused with the holder named; the holder's worker is killed, and the same run goes on.
 */
export async function runStarts({
  count,
  servers,
}: {
  count: number;
  servers?: StandSettings['servers'];
}): Promise<Starts> {
  const result: Starts = { starts: 0, refused: 0, faults: [] };
  await withStand(
    (stand) => inSecondNamespace(stand, (second) => startAll(stand, [stand, second], count, result)),
    servers ? { servers } : {},
  );
  return result;
}

async function startAll(
  stand: Stand,
  namespaces: Pick<Stand, 'client' | 'worker'>[],
  count: number,
  result: Starts,
): Promise<void> {
  const { environment, home } = stand;
  const fault = (text: string) => void result.faults.push(text);
  const input = { version: '1.0.0', by: 'bob' };
  const clients = namespaces.map(({ client }) => client);
  const ends = await Promise.all(
    Array.from({ length: count }, (_, index) => clients[index % clients.length] as Client).map((client) =>
      startRun({ client, namespace: client.options.namespace, address: '' }, 'deploy', environment, input).then(
        () => client,
        (error: unknown) => rootMessage(error),
      ),
    ),
  );
  const winners = ends.filter((end) => typeof end !== 'string');
  const refusals = ends.filter((end) => typeof end === 'string');
  result.starts = ends.length;
  result.refused = refusals.length;
  if (winners.length !== clients.length)
    fault(`${winners.length} starts were accepted in ${clients.length} namespaces`);
  for (const refusal of new Set(refusals))
    if (!refusal.startsWith(`${environment} is held: deploy 1.0.0`)) fault(`a start was refused so: ${refusal}`);

  const runs = winners.map((client) => approveAll(client.workflow.getHandle(environment)));
  void Promise.allSettled(runs);
  const holder = await until(() => readJournal(home));
  const worker = namespaces.find(({ client }) => client.options.namespace === holder.namespace)?.worker;
  await worker?.kill();
  await worker?.restart();
  const reports = await Promise.all(runs);
  const [ran, others] = split(reports, holder.run);
  if (ran?.outcome !== 'deployed') fault(`the holder ended ${ran?.outcome}: ${ran?.reason}`);
  for (const { problem, reason } of others)
    if (!['Held', 'Fenced'].includes(problem ?? '') || !/held by run|moved on/.test(reason))
      fault(`another run ended so: ${problem}: ${reason}`);
  const acts = (await stand.ledger()).join(', ');
  if (acts !== 'start 1.0.0, open 1.0.0') fault(`the scripts of the shop ran so: ${acts}`);
  const lines = (await readHistory(home)).filter(({ outcome }) => outcome === 'deployed');
  if (lines.length !== 1) fault(`${lines.length} releases are in the history`);
}

function split(reports: Ended[], run: string): [Ended | undefined, Ended[]] {
  return [reports.find((one) => one.run === run), reports.filter((one) => one.run !== run)];
}
