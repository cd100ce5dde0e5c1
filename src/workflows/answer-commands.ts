import type { Question } from '../model.js';

/** The commands that answer a question, ready to be pasted but for the name: one for each answer, then the first of them in the form of `temporal`. */
export function answerCommands(environment: string, question: Question): string[] {
  if (question.is === 'gate') {
    const input = { gate: question.name, by: 'NAME', plan: question.plan };
    return [
      `slipway approve ${environment} ${question.name} --plan ${question.plan} --by NAME`,
      `slipway reject ${environment} ${question.name} --plan ${question.plan} --by NAME`,
      `temporal workflow signal --workflow-id ${environment} --name approve --input '${JSON.stringify(input)}'`,
    ];
  }
  const input = { to: question.name, answer: question.answers[0], by: 'NAME', plan: question.plan };
  return [
    ...question.answers.map(
      (answer) => `slipway answer ${environment} ${question.name} ${answer} --plan ${question.plan} --by NAME`,
    ),
    `temporal workflow signal --workflow-id ${environment} --name answer --input '${JSON.stringify(input)}'`,
  ];
}
