import type { Cli, Flags } from '../client/cli.js';
import { sayDecision } from '../client/say-decision.js';
import { nameOf } from '../client/who.js';

export interface GateRequest extends Flags {
  environment: string;
  gate?: string;
  plan: string;
  by?: string;
  reason?: string;
}

/** Agrees to a gate. */
export async function approve(cli: Cli, request: GateRequest): Promise<number> {
  const { gate, plan, reason } = request;
  return sayDecision(cli, request, 'approve', { gate, by: nameOf(request.by, cli.env), plan, reason });
}
