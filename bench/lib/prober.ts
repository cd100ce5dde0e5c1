import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface Prober {
  /** Longest time between two answers since the last call, in ms. */
  gap(): number;
  stop(): Promise<void>;
}

/** Asks a thousand times a second, and logs in again at once whenever it is thrown out. `pauseMs` 0: without a pause. */
export async function prober(url: string, question: string, pauseMs = 1): Promise<Prober> {
  let [longest, last, over] = [0, performance.now(), false];
  let answered = () => {};
  const first = new Promise<void>((resolve) => (answered = resolve));
  const loop = async () => {
    while (!over) {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!over) {
          await client.query(question);
          longest = Math.max(longest, performance.now() - last);
          last = performance.now();
          answered();
          if (pauseMs > 0) await sleep(pauseMs);
        }
      } catch {
        // Thrown out: at once again, as a pool does that knows no mercy.
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  };
  const ended = loop();
  await first;
  return {
    gap: () => {
      const seen = Math.max(longest, performance.now() - last);
      [longest, last] = [0, performance.now()];
      return seen;
    },
    stop: async () => {
      over = true;
      await ended;
    },
  };
}
