import type { Question } from '../model.js';

/** The commands that answer a question, ready to be pasted but for the name: `slipway`'s own, then the `temporal` form. */
export function answerCommands(environment: string, question: Question): string[] {
  if (question.is === 'gate') {
    const input = { gate: question.name, by: 'NAME', plan: question.plan };
    return [
      `slipway approve ${environment} ${question.name} --plan ${question.plan} --by NAME`,
      `temporal workflow signal --workflow-id ${environment} --name approve --input '${JSON.stringify(input)}'`,
    ];
  }
  const answer = question.answers.join('|');
  const input = { to: question.name, answer, by: 'NAME', plan: question.plan };
  return [
    `slipway answer ${environment} ${question.name} ${answer} --plan ${question.plan} --by NAME`,
    `temporal workflow signal --workflow-id ${environment} --name answer --input '${JSON.stringify(input)}'`,
  ];
}
