import type { Cli } from '../client/cli.js';
import { sayDecision } from '../client/say-decision.js';
import { nameOf } from '../client/who.js';
import type { GateRequest } from './approve.js';

/** Refuses a gate. */
export async function reject(cli: Cli, request: GateRequest): Promise<number> {
  const { gate, plan, reason } = request;
  return sayDecision(cli, request, 'reject', { gate, by: nameOf(request.by, cli.env), plan, reason });
}
