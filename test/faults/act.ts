import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { asOnlyAttempt } from '../../src/lib/attempts.js';
import { runAttached, runDetached } from '../../src/lib/command.js';
import { Redactor } from '../../src/lib/secret.js';
import { findTools } from '../../src/lib/tools.js';
import { withClient } from './data.js';

export interface Act {
  folder: string;
  /** URL. */
  database: string;
  trial: number;
  attempt: number;
}

/** Writes in every way that a step has: psql outlives its worker, what dies with it writes a file, a connection of its own, the swap of a file. */
export async function act<T>({ folder, database, trial, attempt }: Act, began: () => Promise<T>): Promise<T> {
  const psql = await findTools().find('psql');
  const spec = { cwd: folder, env: { PATH: process.env.PATH ?? '' }, deadlineMs: 60_000, redactor: new Redactor([]) };
  const insert = `INSERT INTO effects (trial, attempt, by) VALUES (${trial}, ${attempt}, `;
  const migration = `SELECT pg_sleep(0.2); ${insert}'command')`;
  const dump = `for n in 1 2 3 4 5 6 7 8; do echo ${attempt} >>dumped; sleep 0.03; done`;
  return asOnlyAttempt(join(folder, 'act'), attempt, async () => {
    const seen = await began();
    await Promise.all([
      runDetached(join(folder, 'command'), { ...spec, argv: [psql, '-qAt', '-c', migration, database] }),
      runAttached({ ...spec, argv: ['sh', '-c', dump] }),
      withClient(database, async (client) => {
        for (let time = 0; time < 8; time += 1, await wait(30)) {
          await client.query(`${insert}'connection')`);
          writeFileSync(join(folder, `live.${attempt}`), `${attempt}`);
          renameSync(join(folder, `live.${attempt}`), join(folder, 'live'));
        }
      }),
    ]);
    return seen;
  });
}
