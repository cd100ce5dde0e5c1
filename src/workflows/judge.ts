import type { Inbox, OpenQuestion, Answer } from './inbox.js';
import type { MessageName } from './messages.js';
import { codeOf } from './plan-code.js';

export interface Message {
  name: MessageName;
  input: unknown;
}
export type Verdict =
  | { is: 'answer'; question: OpenQuestion; answer: Answer }
  | { is: 'rollback'; by: string; reason: string }
  | { is: 'early' }
  | { is: 'refused'; reason: string };

const keys: Record<MessageName, string[]> = {
  approve: ['gate', 'by', 'plan', 'reason', 'id'],
  reject: ['gate', 'by', 'plan', 'reason', 'id'],
  answer: ['to', 'answer', 'by', 'plan', 'note', 'id'],
  rollback: ['version', 'by', 'reason', 'id'],
};
/** Gates that a plan has from the start, in the order in which they open. The data gate (`rollback`) takes nothing early. */
const earlyGates = ['go', 'sign-off'];

/** Whether a message counts, and for what. Changes nothing, so that an update's validator may ask, too. */
export function judge(inbox: Inbox, { name, input }: Message): Verdict {
  const shape = misshapen(name, input);
  if (shape) return refused(shape);
  const said = input as Record<string, string | undefined>;
  const by = said.by ?? '';
  const stranger = unknownPerson(inbox, by);
  if (stranger) return refused(stranger);
  if (name === 'rollback') return judgeRollback(inbox, by, said.reason ?? 'no reason given');
  return name === 'answer' ? judgeAnswer(inbox, said, by) : judgeGate(inbox, name, said, by);
}

function judgeGate(
  inbox: Inbox,
  word: 'approve' | 'reject',
  said: Record<string, string | undefined>,
  by: string,
): Verdict {
  const gates = inbox.open.filter((question) => question.is === 'gate');
  const question = said.gate ? gates.find((gate) => gate.name === said.gate) : gates[0];
  if (question) {
    const reason =
      wrongPlan(said.plan, question) ?? wrongRole(inbox, by, question) ?? sameEyes(inbox, by, word, question);
    return reason ? refused(reason) : { is: 'answer', question, answer: { word, by, note: said.reason ?? '' } };
  }
  const gate = said.gate ?? 'go';
  if (inbox.passed.has(gate)) return refused(`the gate ${gate} was decided already`);
  if (!earlyGates.includes(gate)) return refused(`the gate ${gate} is not open, and takes no answer before it is`);
  if (inbox.outline && !inbox.outline.gates[gate as 'go']) return refused(`this plan has no gate ${gate}`);
  if (inbox.outline && said.plan !== codeOf(inbox.outline.hash))
    return refused(`plan ${said.plan} is not this run's: it is ${codeOf(inbox.outline.hash)}`);
  return { is: 'early' };
}

function judgeAnswer(inbox: Inbox, said: Record<string, string | undefined>, by: string): Verdict {
  const questions = inbox.open.filter((question) => question.is !== 'gate');
  const question = said.to
    ? questions.find((open) => open.name === said.to)
    : questions.length === 1
      ? questions[0]
      : undefined;
  if (!question) {
    const names = questions.map((open) => open.name).join(', ');
    return refused(
      names ? `no question ${said.to ?? '(to is missing)'} is open: ${names}` : 'nothing waits for an answer',
    );
  }
  if (!question.answers.includes(said.answer ?? ''))
    return refused(`answer ${said.answer} does not fit ${question.name}: say ${question.answers.join(', ')}`);
  const reason = wrongPlan(said.plan, question) ?? wrongRole(inbox, by, question);
  return reason
    ? refused(reason)
    : { is: 'answer', question, answer: { word: said.answer ?? '', by, note: said.note ?? '' } };
}

function judgeRollback(inbox: Inbox, by: string, reason: string): Verdict {
  if (inbox.board.status.kind !== 'deploy') return refused('only a deploy can be taken back by this signal');
  if (inbox.undoing || inbox.rollbackAsked) return refused('this run is being taken back already');
  if (!inbox.outline) return refused('this run has not begun yet: cancel it');
  const gate = inbox.outline.gates.rollback;
  const allowed =
    !gate?.roles ||
    Object.keys(inbox.outline.people).length === 0 ||
    gate.roles.some((role) => inbox.outline?.people[by]?.includes(role));
  return allowed ? { is: 'rollback', by, reason } : refused(`${by} has none of the roles ${gate?.roles?.join(', ')}`);
}

function misshapen(name: MessageName, input: unknown): string | undefined {
  if (typeof input === 'object' && input !== null && 'slipwayUndecodable' in input) return 'it cannot be decoded';
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return `${name} takes one JSON object with ${keys[name].join(', ')}`;
  for (const [key, value] of Object.entries(input)) {
    if (!keys[name].includes(key)) return `${name} knows no ${key}: it takes ${keys[name].join(', ')}`;
    if (typeof value !== 'string') return `${key} has to be a string`;
  }
  return (input as { by?: string }).by ? undefined : 'say who you are: "by"';
}

function unknownPerson(inbox: Inbox, by: string): string | undefined {
  const people = Object.keys(inbox.outline?.people ?? {});
  return people.length > 0 && !people.includes(by) ? `${by} is not in people.yaml` : undefined;
}

function wrongPlan(plan: string | undefined, question: OpenQuestion): string | undefined {
  return plan === question.plan
    ? undefined
    : plan
      ? `plan ${plan} is not what waits here: it is ${question.plan}`
      : `say what you answer: "plan":"${question.plan}"`;
}

function wrongRole(inbox: Inbox, by: string, question: OpenQuestion): string | undefined {
  const people = inbox.outline?.people ?? {};
  if (question.roles.length === 0 || Object.keys(people).length === 0) return undefined;
  return question.roles.some((role) => people[by]?.includes(role))
    ? undefined
    : `${by} has none of the roles ${question.roles.join(', ')}`;
}

function sameEyes(inbox: Inbox, by: string, word: string, question: OpenQuestion): string | undefined {
  return question.fourEyes && word === 'approve' && by === inbox.starter
    ? `${by} started this run: another person has to approve it`
    : undefined;
}

function refused(reason: string): Verdict {
  return { is: 'refused', reason };
}
