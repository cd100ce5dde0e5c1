import type { CheckResult, Question, Status, StepState } from '../model.js';
import { answerCommands } from './answer-commands.js';

const marks: Record<StepState['state'], string> = {
  running: '●',
  done: '✔',
  failed: '✖',
  skipped: '○',
  undone: '↺',
  waiting: '…',
};

/** The UI's current details: what waits for whom with the exact command, the steps, the checks, what was refused. */
export function render(status: Status): string {
  return [
    `**${status.kind} ${escape(status.version)}** into ${status.environment}: ${status.outcome ?? `${status.state} at ${status.phase}`}`,
    status.reason ? escape(status.reason) : '',
    ...status.questions.map((question) => renderQuestion(status, question)),
    status.steps.map(renderStep).join('\n'),
    ...status.checks.map((report) => `**${report.phase}**\n\n${report.results.map(renderCheck).join('\n')}`),
    status.refusedCount > 0
      ? `**${status.refusedCount} messages did not count**\n\n${status.refused
          .slice(-5)
          .map((r) => `- ${escape(r.message)}: ${escape(r.reason)}`)
          .join('\n')}`
      : '',
  ]
    .filter(Boolean)
    .join('\n\n')
    .slice(0, 19_000);
}

function renderQuestion(status: Status, question: Question): string {
  return [
    `### Waiting: ${question.name}`,
    escape(question.text),
    ...(question.detail ?? []).map((line) => `- ${escape(line)}`),
    question.roles.length > 0 ? `Roles: ${question.roles.join(', ')}` : '',
    ...answerCommands(status.environment, question).map((command) => '```\n' + command + '\n```'),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function renderStep(step: StepState): string {
  return `- ${marks[step.state]} ${step.undo ? 'undo ' : ''}**${step.name}** ${escape(step.note ?? '')}`;
}

function renderCheck({ name, outcome, expected, seen }: CheckResult): string {
  const mark = { pass: '✔', fail: '✖', 'n/a': '○', skip: '…' }[outcome];
  return `- ${mark} **${escape(name)}** ${escape(seen)}${outcome === 'fail' ? ` (expected ${escape(expected)})` : ''}`;
}

/** The UI renders Markdown and passes HTML on: outside text must be neither. */
function escape(text: string): string {
  return text
    .replace(/[\\|`*_<>[\]]/g, (character) =>
      character === '<' ? '&lt;' : character === '>' ? '&gt;' : `\\${character}`,
    )
    .replace(/\n/g, ' ');
}
