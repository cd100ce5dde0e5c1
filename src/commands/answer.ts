import type { Cli, Flags } from '../client/cli.js';
import { sayDecision } from '../client/say-decision.js';
import { nameOf } from '../client/who.js';

export interface AnswerRequest extends Flags {
  environment: string;
  to: string;
  answer: string;
  plan: string;
  by?: string;
  note?: string;
}

/** Answers a check that was put to a person, or a failure. */
export async function answer(cli: Cli, request: AnswerRequest): Promise<number> {
  const { to, plan, note } = request;
  return sayDecision(cli, request, 'answer', {
    to,
    answer: request.answer,
    by: nameOf(request.by, cli.env),
    plan,
    note,
  });
}
