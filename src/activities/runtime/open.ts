import type { StepResult } from '../../model.js';
import type { CommandRequest, StepContext } from '../context.js';
import { loopbackPort } from './public-ports.js';
import { awaitClosed, awaitOpen } from './wait-for-ports.js';

/** Lets users in or keeps them out by the definition's own command; a port of this host is the proof. */
export async function turn(
  context: StepContext,
  which: 'open' | 'close',
  request: Omit<CommandRequest, 'argv'> & { deadlineMs: number },
): Promise<StepResult> {
  const { url, runtime } = context.definition;
  if (runtime.open === 'at_start') return { note: which === 'open' ? 'open since start' : 'closes with stop' };
  await context.change(which, { ...request, argv: runtime.open[which] });
  const port = loopbackPort(url);
  if (port === undefined)
    return { note: `${which} ran; ${new URL(url).host} is not this host's, so its port proves nothing` };
  await (which === 'open' ? awaitOpen([port], request.deadlineMs) : awaitClosed([port], request.deadlineMs));
  return { note: `port ${port} is ${which === 'open' ? 'open' : 'closed'}`, data: { port } };
}
