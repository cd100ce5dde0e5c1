import { workflowInfo } from '@temporalio/workflow';
import type { HostState } from '../activities/index.js';
import { Board } from './board.js';
import { askHost, environmentOf } from './proxies.js';
import { checkInput, refuseStart, textOf } from './start.js';

/** Shows what an environment's host knows of its open run, and the way back by hand. Changes nothing. */
export async function recover(input: { by?: string }): Promise<HostState> {
  refuseStart('recover');
  checkInput('recover', input);
  const board = new Board('recover', '', textOf(input, 'by'));
  const state = await askHost(
    'state',
    [{ environment: environmentOf(workflowInfo().workflowId) }],
    'recover: what the host knows',
  );
  board.finish(
    'done',
    state.journal ? `run ${state.journal.run} is open, last seen at ${state.journal.last.step}` : 'no run is open',
  );
  return state;
}
