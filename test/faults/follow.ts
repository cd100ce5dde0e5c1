import type { WorkflowHandle } from '@temporalio/client';
import type { Status } from '../../src/model.js';
import { approveAll, type Ended } from '../systems/stand.js';

/** A run that approves its gates by itself; whoever waits for a point in it hears at once when it ended or asked instead. */
export interface Following {
  ended: Promise<Ended>;
  /** Waits until that holds. Throws when the run ended, or asks something else than a gate, or after a minute. */
  until<T>(look: () => T | Promise<T>): Promise<NonNullable<T>>;
  /** Waits until a step, or the undo of one, is running. */
  reaches(step: string, undo?: boolean): Promise<void>;
}

export function follow(handle: WorkflowHandle): Following {
  let over: string | undefined;
  const ended = approveAll(handle);
  ended.then(
    ({ outcome, reason }) => (over = `it ended ${outcome}: ${reason}`),
    (error: unknown) => (over = String(error)),
  );
  const until: Following['until'] = async (look) => {
    const deadline = Date.now() + 60_000;
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.2, 50)) {
      const found = await look();
      if (found) return found;
      if (over !== undefined) throw new Error(`before ${look.toString()} held, ${over}`);
      if (Date.now() > deadline) throw new Error(`after a minute it did not hold: ${look.toString()}`);
      await new Promise((wake) => setTimeout(wake, pauseMs));
    }
  };
  return { ended, until, reaches: async (step, undo = false) => void (await until(() => runs(handle, step, undo))) };
}

export async function runs(handle: WorkflowHandle, step: string, undo: boolean): Promise<boolean> {
  const status = await handle.query<Status>('status').catch(() => undefined);
  return (
    status?.steps.some((one) => one.name === step && one.undo === undo && ['running', 'waiting'].includes(one.state)) ??
    false
  );
}
