import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { patched, workflowInfo } from '@temporalio/workflow';

/**
 * The seven characters that tie a message to one content (a plan, a data decision) of one run: an answer that was meant for
 * another run, plan or decision carries others and does not count.
 */
export function codeOf(content: string): string {
  return bytesToHex(sha256(utf8ToBytes(content + runIdentity()))).slice(0, 7);
}

/**
 * A Reset hands earlier approvals to the new execution again. What lies before the reset point must be replayed as it was,
 * under the first run's id; everything after it has to be asked again, under the new one. The marker tells the two apart.
 */
export function isAfterReset(): boolean {
  const { runId, firstExecutionRunId } = workflowInfo();
  return runId !== firstExecutionRunId && patched(`asked-again-${runId}`);
}

function runIdentity(): string {
  const { runId, firstExecutionRunId } = workflowInfo();
  return isAfterReset() ? runId : firstExecutionRunId;
}
