import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { asOnlyAttempt } from '../../src/lib/attempts.js';
import { runAttached, runDetached } from '../../src/lib/command.js';
import { Redactor } from '../../src/lib/secret.js';
import { findTools } from '../../src/lib/tools.js';
import { definitionOf, stepContext, type TestStep } from '../activities/step-context.js';
import { withClient } from './data.js';

export interface Act {
  folder: string;
  /** URL. */
  database: string;
  trial: number;
  attempt: number;
  /** A container that sees the folder at its own path: then commands run in there, too. */
  container?: string;
}

/**
 * Writes in every way that a step has: psql outlives its worker, what dies with it writes a file, a connection of its own, the swap of a file; and inside a
 * container a command that outlives it and one that does not.
 */
export async function act<T>(
  { folder, database, trial, attempt, container }: Act,
  began: () => Promise<T>,
): Promise<T> {
  const psql = await findTools().find('psql');
  const spec = { cwd: folder, env: { PATH: process.env.PATH ?? '' }, deadlineMs: 60_000, redactor: new Redactor([]) };
  const insert = `INSERT INTO effects (trial, attempt, by) VALUES (${trial}, ${attempt}, `;
  const migration = `SELECT pg_sleep(0.2); ${insert}'command')`;
  const dump = (into: string, lines = 8) =>
    `n=0; while [ $n -lt ${lines} ]; do echo ${attempt} >>${into}; n=$((n + 1)); sleep 0.03; done`;
  // Longer than it takes to take over, so that it ends in there only where it is ended.
  const inside = dump('dumped-inside', attempt === 1 ? 200 : 8);
  const step = container === undefined ? undefined : inContainer(container, folder, attempt);
  return asOnlyAttempt(join(folder, 'act'), attempt, async () => {
    // The first read inside: it begins once nothing of an attempt before is left there.
    if (attempt > 1) await step?.read({ in: 'app', argv: ['true'] });
    const seen = await began();
    await Promise.all([
      runDetached(join(folder, 'command'), { ...spec, argv: [psql, '-qAt', '-c', migration, database] }),
      runAttached({ ...spec, argv: ['sh', '-c', dump('dumped')] }),
      withClient(database, async (client) => {
        for (let time = 0; time < 8; time += 1, await wait(30)) {
          await client.query(`${insert}'connection')`);
          writeFileSync(join(folder, `live.${attempt}`), `${attempt}`);
          renameSync(join(folder, `live.${attempt}`), join(folder, 'live'));
        }
      }),
      step?.change('inside', { in: 'app', cwd: folder, argv: ['sh', '-c', `sleep 0.2; echo ${attempt} >>inside`] }),
      step?.read({ in: 'app', cwd: folder, argv: ['sh', '-c', inside] }),
    ]);
    return seen;
  });
}

function inContainer(name: string, folder: string, attempt: number): TestStep {
  const container = { name, start: ['true'], stop: ['true'], ports: [], timeoutMs: 5_000, observeMs: 0 };
  const definition = definitionOf(folder, { runtime: { container, open: 'at_start' } });
  return stepContext({ definition, folder, home: folder, at: { step: 'verify' }, attempt });
}
