import { setTimeout as wait } from 'node:timers/promises';
import type { StepContext } from '../../context.js';
import { close, connectBeside, query } from './connect.js';
import type { Link } from './link.js';

const everyMs = 200;

/**
 * One heavy act at a time for each database server, whichever environment and host it is for: what can wait takes turns, by a lock of the server that
 * goes with its session. A copy or a restore within a downtime takes none.
 */
export async function inTurn<T>(context: StepContext, link: Link, act: () => Promise<T>): Promise<T> {
  const session = await connectBeside(link.admin, link.run);
  try {
    for (let turn = 0; ; turn += 1) {
      const [tried] = await query<{ got: boolean }>(session, `SELECT pg_try_advisory_lock(${key}) AS got`);
      if (tried?.got) break;
      if (turn % 50 === 0) context.progress(`waits for its turn on ${link.admin.host}:${link.admin.port}`);
      await wait(everyMs, undefined, { signal: context.interrupted });
    }
    return await act();
  } finally {
    await close(session);
  }
}

const key = "hashtextextended('slipway, one heavy act at a time', 0)";
