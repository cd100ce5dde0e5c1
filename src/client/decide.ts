import { randomUUID } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { rootMessage } from '../errors.js';
import type { Temporal } from '../lib/connection.js';
import { isDeadline } from './rpc.js';

export type Decided =
  | { is: 'taken'; answer: string }
  | { is: 'refused'; reason: string }
  /** No worker answered: kept by Temporal, and judged when one does. */
  | { is: 'stored' };

/** How long an update may stay unanswered. */
const PATIENCE_MS = 3000;

/**
 * Says something to a run: by an update, which is answered, and where no worker answers by a signal, which is kept. Both carry one
 * id, by which the run counts what was said once.
 */
export async function decide(
  temporal: Temporal,
  run: { environment: string; runId: string },
  name: string,
  message: Record<string, string | undefined>,
): Promise<Decided> {
  const { client } = temporal;
  const id = randomUUID();
  const said = { ...Object.fromEntries(Object.entries(message).filter(([, value]) => value)), id };
  const handle = client.workflow.getHandle(run.environment, run.runId);
  try {
    const answer = await client.withDeadline(Date.now() + PATIENCE_MS, () =>
      handle.executeUpdate<string, [unknown]>(name, { args: [said], updateId: id }),
    );
    return answer.startsWith('refused: ')
      ? { is: 'refused', reason: answer.slice('refused: '.length) }
      : { is: 'taken', answer };
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) return { is: 'refused', reason: rootMessage(error) };
    if (!isDeadline(error)) throw error;
  }
  await handle.signal(name, said);
  return { is: 'stored' };
}
