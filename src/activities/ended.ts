import { existsSync } from 'node:fs';
import { readEvidence } from '../lib/evidence.js';

/** Whether the run of that folder is over, by its last entry. One whose folder is gone can use nothing any more. */
export async function hasEnded(folder: string): Promise<boolean> {
  return !existsSync(folder) || (await readEvidence(folder)).some(({ id }) => id === 'end');
}
