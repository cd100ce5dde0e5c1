import type { Question } from '../model.js';
import { answerCommands } from '../workflows/answer-commands.js';
import { formatTime } from './duration.js';
import { plainText, type Style } from './style.js';

/** An open question, with what can be pasted to answer it. */
export function renderQuestion(environment: string, question: Question, style: Style): string[] {
  const roles = question.roles.length > 0 ? [`    waits for ${question.roles.join(' or ')}`] : [];
  const deadline = question.deadline ? [`    until ${formatTime(question.deadline)}`] : [];
  return [
    `${style.mark('waiting')} ${style.paint('bold', question.name)}  ${plainText(question.text)}`,
    ...(question.detail ?? []).map((line) => `    ${plainText(line)}`),
    ...roles,
    ...deadline,
    ...answerCommands(environment, question).map((command) => `    ${style.paint('cyan', command)}`),
  ];
}
